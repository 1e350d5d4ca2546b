//! State `ReleaseLock`.

use std::process::ExitCode;

use gantry_steps::release_lock::ReleaseLock;

fn main() -> ExitCode {
    gantry_lambda::task(
        "release-lock",
        async |wiring| Ok((wiring.locks()?, wiring.releases()?, wiring.tokens(), wiring.clock()?)),
        async |(locks, releases, tokens, clock), input| {
            ReleaseLock { locks, releases, tokens, clock }.run(input).await
        },
    )
}
