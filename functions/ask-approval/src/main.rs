//! State `AskApproval`.

use std::process::ExitCode;

use gantry_steps::ask_approval::AskApproval;

fn main() -> ExitCode {
    gantry_lambda::task(
        "ask-approval",
        async |wiring| {
            Ok((
                wiring.pipeline()?,
                wiring.releases()?,
                wiring.approvals()?,
                wiring.executions(),
                wiring.tokens(),
                wiring.clock()?,
            ))
        },
        async |(pipeline, releases, approvals, executions, tokens, clock), input| {
            AskApproval {
                pipeline,
                releases,
                plans: releases,
                verified: releases,
                approvals,
                executions,
                tokens,
                clock,
            }
            .run(input)
            .await
        },
    )
}
