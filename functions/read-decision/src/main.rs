//! State `ReadDecision`.

use std::process::ExitCode;

use gantry_steps::read_decision::ReadDecision;

fn main() -> ExitCode {
    gantry_lambda::task(
        "read-decision",
        async |wiring| Ok(wiring.decisions()?),
        async |approvals, input| ReadDecision { approvals }.run(input).await,
    )
}
