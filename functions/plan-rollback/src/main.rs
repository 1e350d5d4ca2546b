//! State `PlanRollback`.

use std::process::ExitCode;

use gantry_steps::plan_rollback::PlanRollback;

fn main() -> ExitCode {
    gantry_lambda::task(
        "plan-rollback",
        async |wiring| {
            Ok((wiring.pipeline()?, wiring.releases()?, wiring.locks()?, wiring.stage(), wiring.clock()?))
        },
        async |(pipeline, releases, locks, stage, clock), input| {
            let (plans, verified) = (releases, releases);
            PlanRollback { pipeline, releases, plans, locks, verified, observe: stage, clock }
                .run(input)
                .await
        },
    )
}
