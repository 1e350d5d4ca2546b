//! State `RecordEnd`.

use std::process::ExitCode;

use gantry_steps::record_end::RecordEnd;

fn main() -> ExitCode {
    gantry_lambda::task(
        "record-end",
        async |wiring| {
            Ok((wiring.pipeline()?, wiring.releases()?, wiring.locks()?, wiring.tokens(), wiring.clock()?))
        },
        async |(pipeline, releases, locks, tokens, clock), input| {
            RecordEnd { pipeline, releases, locks, tokens, clock }.run(input).await
        },
    )
}
