//! State `WatchTask`.

use std::process::ExitCode;

use gantry_steps::watch_task::WatchTask;

fn main() -> ExitCode {
    gantry_lambda::task(
        "watch-task",
        async |wiring| Ok((wiring.releases()?, wiring.stage(), wiring.logs(), wiring.clock()?)),
        async |(releases, stage, logs, clock), input| {
            WatchTask { plans: releases, releases, observe: stage, logs, clock }.run(input).await
        },
    )
}
