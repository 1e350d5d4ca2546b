//! State `StartTask`.

use std::process::ExitCode;

use gantry_steps::start_task::StartTask;

fn main() -> ExitCode {
    gantry_lambda::task(
        "start-task",
        async |wiring| Ok((wiring.releases()?, wiring.locks()?, wiring.stage(), wiring.clock()?)),
        async |(releases, locks, stage, clock), input| {
            StartTask { plans: releases, locks, observe: stage, deploy: stage, clock }.run(input).await
        },
    )
}
