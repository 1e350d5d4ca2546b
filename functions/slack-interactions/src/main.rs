//! `POST /slack/interactions`: clicks and forms.

use std::process::ExitCode;

use gantry_lambda::SlackDoor;

fn main() -> ExitCode {
    gantry_lambda::http(
        "slack-interactions",
        async |wiring| SlackDoor::wire(wiring),
        async |door, request, now| door.answer(request, now).await,
    )
}
