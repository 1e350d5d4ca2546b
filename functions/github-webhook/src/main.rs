//! `POST /github/webhook`: pushes and workflows.

use std::process::ExitCode;

use gantry_lambda::GitHubDoor;

fn main() -> ExitCode {
    gantry_lambda::http(
        "github-webhook",
        async |wiring| GitHubDoor::wire(wiring),
        async |door, request, _| door.answer(request).await,
    )
}
