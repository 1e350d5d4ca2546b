//! Image pushes, as EventBridge brings them.

use std::process::ExitCode;

use gantry_steps::ecr_intake::EcrIntake;
use gantry_steps::intake::Intake;

fn main() -> ExitCode {
    gantry_lambda::event(
        "ecr-intake",
        async |wiring| Ok((wiring.pipeline()?, wiring.releases()?, wiring.start()?)),
        gantry_lambda::ecr_push,
        async |(pipeline, releases, start), input| {
            EcrIntake { intake: Intake { pipeline, candidates: releases, releases, start } }.run(input).await
        },
    )
}
