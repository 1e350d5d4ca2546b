//! Every minute: looks for what events lost.

use std::process::ExitCode;

use gantry_lambda::DeadExecutions;
use gantry_steps::send_notices::SendNotices;
use gantry_steps::sweep::Sweep;

fn main() -> ExitCode {
    gantry_lambda::event(
        "sweep",
        async |wiring| {
            let people = (wiring.chat()?, wiring.vendors()?, wiring.dead_letters()?);
            Ok((DeadExecutions::wire(wiring)?, people))
        },
        gantry_lambda::tick,
        async |(dead, (chat, vendors, dead_letters)), ()| {
            let DeadExecutions { releases, clock, .. } = dead;
            let vendors = vendors.tell(releases, dead_letters, clock);
            let deliver = &SendNotices { outbox: releases, chat, dead_letters, clock, vendors };
            Sweep { aftermath: dead.aftermath(), outbox: releases, deliver }.run().await
        },
    )
}
