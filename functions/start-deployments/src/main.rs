//! State `StartDeployments`.

use std::process::ExitCode;

use gantry_steps::start_deployments::StartDeployments;

fn main() -> ExitCode {
    gantry_lambda::task(
        "start-deployments",
        async |wiring| Ok((wiring.releases()?, wiring.locks()?, wiring.stage(), wiring.clock()?)),
        async |(releases, locks, stage, clock), input| {
            StartDeployments { plans: releases, locks, observe: stage, deploy: stage, clock }.run(input).await
        },
    )
}
