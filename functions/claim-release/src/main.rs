//! State `ClaimRelease`.

use std::process::ExitCode;

use gantry_steps::claim_release::ClaimRelease;

fn main() -> ExitCode {
    gantry_lambda::task(
        "claim-release",
        async |wiring| {
            Ok((
                wiring.pipeline()?,
                wiring.releases()?,
                wiring.locks()?,
                wiring.executions(),
                wiring.registry(),
                wiring.stage(),
                wiring.clock()?,
            ))
        },
        async |(pipeline, releases, locks, executions, registry, stage, clock), input| {
            ClaimRelease {
                pipeline,
                releases,
                candidates: releases,
                verified: releases,
                locks,
                executions,
                registry,
                stage,
                clock,
            }
            .run(input)
            .await
        },
    )
}
