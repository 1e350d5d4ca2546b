//! State `WatchWave`.

use std::process::ExitCode;

use gantry_steps::watch_wave::WatchWave;

fn main() -> ExitCode {
    gantry_lambda::task(
        "watch-wave",
        async |wiring| Ok((wiring.releases()?, wiring.stage(), wiring.clock()?)),
        async |(releases, stage, clock), input| {
            WatchWave { plans: releases, observe: stage, clock }.run(input).await
        },
    )
}
