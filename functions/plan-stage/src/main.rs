//! State `PlanStage`.

use std::process::ExitCode;

use gantry_steps::plan_stage::PlanStage;

fn main() -> ExitCode {
    gantry_lambda::task(
        "plan-stage",
        async |wiring| {
            Ok((
                wiring.pipeline()?,
                wiring.releases()?,
                wiring.locks()?,
                wiring.stage(),
                wiring.registry(),
                wiring.clock()?,
            ))
        },
        async |(pipeline, releases, locks, stage, registry, clock), input| {
            PlanStage {
                pipeline,
                releases,
                plans: releases,
                locks,
                verified: releases,
                observe: stage,
                registry,
                clock,
            }
            .run(input)
            .await
        },
    )
}
