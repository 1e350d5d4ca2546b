//! State `WatchWave`.

use std::process::ExitCode;

use gantry_steps::watch_wave::WatchWave;

fn main() -> ExitCode {
    gantry_lambda::task(
        "watch-wave",
        async |wiring| Ok((wiring.releases()?, wiring.stage(), wiring.logs(), wiring.clock()?)),
        async |(releases, stage, logs, clock), input| {
            WatchWave { plans: releases, releases, observe: stage, logs, clock }.run(input).await
        },
    )
}
