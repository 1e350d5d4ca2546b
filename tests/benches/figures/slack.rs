//! From Slack's signed request to the acknowledgement: what `slack-interactions` itself takes, with secrets to fetch and without.
//!
//! The request is a second click on a question that was decided: it is read, verified, looked up, and has no effect. It runs
//! against the local world's Secrets Manager and DynamoDB, whose time is in the figures.

use anyhow::{Result, ensure};
use gantry_local::world::World;
use serde_json::{Value, json};

use crate::runtime::{Program, Running};
use crate::statistics::Sample;

const STARTS: usize = 10;
/// Slack lets nobody answer more often to one click, so there are not many.
const WARM_CALLS: usize = 3;

/// How long acknowledgements took.
pub(crate) struct Acknowledged {
    pub(crate) cold: Sample,
    pub(crate) warm: Sample,
}

/// Sends it again and again, to processes that have just started and to the same ones once more.
pub(crate) async fn acknowledge(world: &World, program: &Program, click: &Value) -> Result<Acknowledged> {
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut running = Running::start(program).await?;
        for call in 0..=WARM_CALLS {
            let signed = world.simulation.slack.sign(click);
            let event = json!({
                "version": "2.0", "routeKey": "POST /slack/interactions", "rawPath": "/slack/interactions",
                "rawQueryString": "",
                "headers": {
                    "content-type": "application/x-www-form-urlencoded",
                    "x-slack-request-timestamp": signed.timestamp,
                    "x-slack-signature": signed.signature,
                },
                "requestContext": { "http": { "method": "POST", "path": "/slack/interactions" } },
                "body": signed.body, "isBase64Encoded": false,
            });
            let (took, answer) = running.invoke(&event).await?;
            ensure!(answer["statusCode"] == 200, "the click was answered {answer}");
            if call == 0 { cold.push(took) } else { warm.push(took) }
        }
        running.end().await?;
    }
    Ok(Acknowledged { cold: Sample::of(cold), warm: Sample::of(warm) })
}
