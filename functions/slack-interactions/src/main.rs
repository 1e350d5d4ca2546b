//! `POST /slack/interactions`: clicks and forms.

use std::process::ExitCode;

use gantry_lambda::SlackDoor;
use gantry_steps::decide::Decide;

fn main() -> ExitCode {
    gantry_lambda::http(
        "slack-interactions",
        async |wiring| {
            let signing_secret = wiring.settings().slack_signing_secret()?;
            let decide = (wiring.approvals()?, wiring.tokens(), wiring.clock()?);
            Ok((wiring.secrets(), signing_secret, wiring.pipeline()?, decide, wiring.chat()?))
        },
        async |(secrets, signing_secret, pipeline, (approvals, tokens, clock), chat), request, now| {
            let decide = Decide { approvals, tokens, clock };
            SlackDoor { secrets: &**secrets, signing_secret, pipeline, decide, chat }
                .answer(request, now)
                .await
        },
    )
}
