//! Executions that ended badly, as Step Functions tells through EventBridge.

use std::process::ExitCode;

use gantry_steps::aftermath::Aftermath;
use gantry_steps::watch_executions::WatchExecutions;

fn main() -> ExitCode {
    gantry_lambda::event(
        "watch-executions",
        async |wiring| {
            let tables = (wiring.releases()?, wiring.approvals()?, wiring.locks()?);
            Ok((
                wiring.pipeline()?,
                tables,
                (wiring.executions(), wiring.start()?),
                wiring.tokens(),
                wiring.clock()?,
            ))
        },
        gantry_lambda::execution_ended,
        async |(pipeline, (releases, approvals, locks), (executions, start), tokens, clock), input| {
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
            WatchExecutions { aftermath }.run(input).await
        },
    )
}
