//! State `RecordStage`.

use std::process::ExitCode;

use gantry_steps::record_stage::RecordStage;

fn main() -> ExitCode {
    gantry_lambda::task(
        "record-stage",
        async |wiring| Ok((wiring.releases()?, wiring.stage(), wiring.clock()?)),
        async |(releases, stage, clock), input| {
            RecordStage { releases, plans: releases, verified: releases, stage, clock }.run(input).await
        },
    )
}
