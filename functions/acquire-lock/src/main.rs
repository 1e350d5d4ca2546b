//! State `AcquireLock`.

use std::process::ExitCode;

use gantry_steps::acquire_lock::AcquireLock;

fn main() -> ExitCode {
    gantry_lambda::task(
        "acquire-lock",
        async |wiring| Ok((wiring.queues()?, wiring.tokens(), wiring.clock()?)),
        async |(locks, tokens, clock), input| AcquireLock { locks, tokens, clock }.run(input).await,
    )
}
