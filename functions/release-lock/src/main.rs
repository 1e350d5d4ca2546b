//! State `ReleaseLock`.

use std::process::ExitCode;

use gantry_steps::release_lock::ReleaseLock;

fn main() -> ExitCode {
    gantry_lambda::task(
        "release-lock",
        async |wiring| Ok((wiring.locks()?, wiring.tokens(), wiring.clock()?)),
        async |(locks, tokens, clock), input| ReleaseLock { locks, tokens, clock }.run(input).await,
    )
}
