//! Executions that ended badly, as Step Functions tells through EventBridge.

use std::process::ExitCode;

use gantry_lambda::DeadExecutions;
use gantry_steps::watch_executions::WatchExecutions;

fn main() -> ExitCode {
    gantry_lambda::event(
        "watch-executions",
        async |wiring| DeadExecutions::wire(wiring),
        gantry_lambda::execution_ended,
        async |dead, input| WatchExecutions { aftermath: dead.aftermath() }.run(input).await,
    )
}
