//! Every few minutes: looks in the registry for images whose event never came.

use std::process::ExitCode;

use gantry_steps::intake::Intake;
use gantry_steps::reconcile::Reconcile;

fn main() -> ExitCode {
    gantry_lambda::event(
        "reconcile",
        async |wiring| {
            let candidates = (wiring.pipeline()?, wiring.releases()?, wiring.start()?);
            Ok((candidates, wiring.registry(), wiring.clock()?))
        },
        gantry_lambda::tick,
        async |((pipeline, releases, start), registry, clock), ()| {
            let intake = Intake { pipeline, candidates: releases, releases, start };
            Reconcile { intake, registry, clock }.run().await
        },
    )
}
