//! New entries of release logs, as the table's stream brings them: people are told.

use std::process::ExitCode;

use gantry_steps::ports::PortError;
use gantry_steps::send_notices::SendNotices;

fn main() -> ExitCode {
    gantry_lambda::event(
        "send-notices",
        async |wiring| Ok((wiring.releases()?, wiring.chat()?, wiring.dead_letters()?, wiring.clock()?)),
        gantry_lambda::grown_logs,
        async |(outbox, chat, dead_letters, clock), input| {
            SendNotices { outbox, chat, dead_letters, clock }.run(input).await;
            Ok::<_, PortError>(())
        },
    )
}
