//! State `WatchTask`.

use std::process::ExitCode;

use gantry_steps::watch_task::WatchTask;

fn main() -> ExitCode {
    gantry_lambda::task(
        "watch-task",
        async |wiring| Ok((wiring.releases()?, wiring.stage(), wiring.clock()?)),
        async |(releases, stage, clock), input| {
            WatchTask { plans: releases, observe: stage, clock }.run(input).await
        },
    )
}
