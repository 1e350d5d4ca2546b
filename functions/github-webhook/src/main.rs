//! `POST /github/webhook`: pushes and workflows.

use std::process::ExitCode;

use gantry_lambda::GitHubDoor;

fn main() -> ExitCode {
    gantry_lambda::http(
        "github-webhook",
        async |wiring| {
            let webhook_secret = wiring.settings().github_webhook_secret()?;
            let others = (wiring.start()?, wiring.compare()?, wiring.clock()?);
            Ok((wiring.secrets(), webhook_secret, wiring.pipeline()?, wiring.releases()?, others))
        },
        async |(secrets, webhook_secret, pipeline, releases, (start, compare, clock)), request, _| {
            let (candidates, deliveries) = (releases, releases);
            let secrets = &**secrets;
            let door = GitHubDoor {
                secrets,
                webhook_secret,
                pipeline,
                candidates,
                releases,
                start,
                deliveries,
                compare,
                clock,
            };
            door.answer(request).await
        },
    )
}
