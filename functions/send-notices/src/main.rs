//! New entries of release logs, as the table's stream brings them: people are told.

use std::process::ExitCode;

use gantry_steps::ports::PortError;
use gantry_steps::send_notices::SendNotices;

fn main() -> ExitCode {
    gantry_lambda::event(
        "send-notices",
        async |wiring| {
            let people = (wiring.chat()?, wiring.vendors()?, wiring.dead_letters()?);
            Ok((wiring.releases()?, people, wiring.clock()?))
        },
        gantry_lambda::grown_logs,
        async |(releases, (chat, vendors, dead_letters), clock), input| {
            let vendors = vendors.tell(releases, dead_letters, clock);
            SendNotices { outbox: releases, chat, dead_letters, clock, vendors }.run(input).await;
            Ok::<_, PortError>(())
        },
    )
}
