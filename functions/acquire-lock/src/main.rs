//! State `AcquireLock`.

use std::process::ExitCode;

use gantry_steps::acquire_lock::AcquireLock;

fn main() -> ExitCode {
    gantry_lambda::task(
        "acquire-lock",
        async |wiring| Ok((wiring.queues()?, wiring.releases()?, wiring.tokens(), wiring.clock()?)),
        async |(locks, releases, tokens, clock), input| {
            AcquireLock { locks, releases, tokens, clock }.run(input).await
        },
    )
}
