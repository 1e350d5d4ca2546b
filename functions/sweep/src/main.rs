//! Every minute: looks for what events lost.

use std::process::ExitCode;

use gantry_steps::aftermath::Aftermath;
use gantry_steps::send_notices::SendNotices;
use gantry_steps::sweep::Sweep;

fn main() -> ExitCode {
    gantry_lambda::event(
        "sweep",
        async |wiring| {
            let tables = (wiring.releases()?, wiring.approvals()?, wiring.locks()?);
            let people = (wiring.chat()?, wiring.vendors()?, wiring.dead_letters()?);
            Ok((
                wiring.pipeline()?,
                tables,
                (wiring.executions(), wiring.start()?),
                wiring.tokens(),
                people,
                wiring.clock()?,
            ))
        },
        gantry_lambda::tick,
        async |(pipeline, tables, (executions, start), tokens, (chat, vendors, dead_letters), clock), ()| {
            let (releases, approvals, locks) = tables;
            let vendors = vendors.tell(releases, dead_letters, clock);
            let deliver = &SendNotices { outbox: releases, chat, dead_letters, clock, vendors };
            let aftermath = Aftermath {
                pipeline,
                releases,
                plans: releases,
                approvals,
                locks,
                executions,
                start,
                stop: executions,
                tokens,
                clock,
            };
            Sweep { aftermath, outbox: releases, deliver }.run().await
        },
    )
}
