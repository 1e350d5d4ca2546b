//! State `RecordRollback`.

use std::process::ExitCode;

use gantry_steps::record_rollback::RecordRollback;

fn main() -> ExitCode {
    gantry_lambda::task(
        "record-rollback",
        async |wiring| Ok((wiring.pipeline()?, wiring.releases()?, wiring.stage(), wiring.clock()?)),
        async |(pipeline, releases, observe, clock), input| {
            let (plans, verified, holds) = (releases, releases, releases);
            RecordRollback { pipeline, releases, plans, verified, holds, observe, clock }.run(input).await
        },
    )
}
