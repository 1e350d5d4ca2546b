//! State `RunChecks`.

use std::process::ExitCode;

use gantry_steps::run_checks::RunChecks;

fn main() -> ExitCode {
    gantry_lambda::task(
        "run-checks",
        async |wiring| Ok((wiring.releases()?, wiring.probe(), wiring.clock()?)),
        async |(releases, probe, clock), input| {
            RunChecks { plans: releases, releases, probe, clock }.run(input).await
        },
    )
}
