//! Requests that are forged, stale, too large, malformed or sent again: the status a client expects, and nothing changes.

use anyhow::Result;
use gantry_simulator::github::Webhook;
use gantry_simulator::slack::{SignedRequest, signature};
use gantry_tests::{ADA, Change, quick, tell};
use jiff::Timestamp;
use serde_json::json;

#[test]
fn t02_t32_forged_and_stale_clicks_are_refused() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();
        story.aws_was_asked();
        let slack = story.world.simulation.slack.clone();
        let payload = story.click_payload(ADA, &question, "approve")?;
        let good = slack.sign(&payload);
        let before = story.everything_on_record().await?;
        let now = Timestamp::now().as_second();

        let signed = |body: &str| {
            let timestamp = now.to_string();
            let signature = signature(&slack.config().signing_secret, &timestamp, body);
            SignedRequest { timestamp, signature, body: body.to_owned() }
        };
        let forged = |change: fn(&mut SignedRequest)| {
            let mut request = good.clone();
            change(&mut request);
            request
        };
        let other_secret = signature("another secret", &good.timestamp, &good.body);
        let rows = [
            ("another secret", SignedRequest { signature: other_secret, ..good.clone() }, 401),
            ("no signature", forged(|request| request.signature.clear()), 401),
            ("no version", forged(|request| request.signature = request.signature.replace("v0=", "")), 401),
            (
                "another version",
                forged(|request| request.signature = request.signature.replace("v0=", "v1=")),
                401,
            ),
            ("a changed body", forged(|request| request.body.push_str("&x=1")), 401),
            ("another time", forged(|request| request.timestamp = "1700000000".to_owned()), 401),
            ("a time in words", forged(|request| request.timestamp = "now".to_owned()), 401),
            ("a negative time", forged(|request| request.timestamp = format!("-{}", request.timestamp)), 401),
            ("a time too large", forged(|request| request.timestamp = "9".repeat(40)), 401),
            ("signed too long ago", slack.sign_at(&payload, now - 310), 401),
            ("signed in the future", slack.sign_at(&payload, now + 310), 401),
            ("too large", signed(&format!("payload={}", "x".repeat(300 * 1024))), 413),
            ("no payload", signed("nothing=here"), 400),
            ("two payloads", signed("payload=%7B%7D&payload=%7B%7D"), 400),
            ("no JSON", signed("payload=%7Bnot+json"), 400),
            ("odd JSON", signed("payload=%5B1%2C2%5D"), 400),
            ("deep JSON", signed(&format!("payload={}", "%5B".repeat(20_000))), 400),
            ("no actions", slack.sign(&json!({ "type": "block_actions", "user": {} })), 400),
        ];
        for (what, request, status) in rows {
            let answer = slack.send(&request).await?;
            assert_eq!(answer.status, status, "{what}: {}", answer.body);
            assert!(answer.body.contains("error"), "{what}: {}", answer.body);
        }
        assert_eq!(story.changes_since(&before).await?, Vec::<String>::new());
        assert_eq!(story.aws_was_asked(), "");
        assert_eq!(story.slack_says(), "");

        story.rejects(ADA, &question, "Only a rehearsal").await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Declined"));
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t29_t31_forged_malformed_and_replayed_deliveries_change_nothing() -> Result<()> {
    tell(quick(), async |story| {
        let github = story.world.simulation.github.clone();
        let work = story.a_developer_pushes(Change::of(["client"])).await?;
        let before = story.everything_on_record().await?;
        let sent = github.deliveries().pop().map(|delivery| delivery.guid).unwrap_or_default();

        // The same delivery again, as a person can ask GitHub to do, changes nothing.
        let told = github.redeliver(&sent).await?;
        assert_eq!(told.status, Some(200));
        assert!(told.response.contains("dealt with before"), "{}", told.response);

        let next = story.world.commit(&Change::of(["engine"]))?;
        let push = |body: &serde_json::Value| github.webhook("push", body);
        let good = push(&json!({
            "ref": "refs/heads/main", "before": work.sha, "after": next.sha, "repository": {"full_name": "exchange/monorepo"},
            "commits": [{"id": next.sha, "message": "x", "author": {"name": "x"}, "added": [], "modified": ["engine/x"], "removed": []}],
        }));
        let rows: [(&str, Webhook, u16); 12] = [
            ("no signature", Webhook { signature: String::new(), ..good.clone() }, 401),
            (
                "another secret",
                Webhook {
                    signature: gantry_simulator::github::signature("other", &good.body),
                    ..good.clone()
                },
                401,
            ),
            (
                "another algorithm",
                Webhook { signature: good.signature.replace("sha256=", "sha1="), ..good.clone() },
                401,
            ),
            ("a cut signature", Webhook { signature: good.signature[..20].to_owned(), ..good.clone() }, 401),
            ("a changed body", Webhook { body: good.body.replace("main", "evil"), ..good.clone() }, 401),
            ("too large, unsigned", Webhook { body: "x".repeat(7 * 1024 * 1024), ..good.clone() }, 413),
            ("too large, signed", github.webhook("push", &json!("x".repeat(7 * 1024 * 1024))), 413),
            ("no JSON", unparsed(&github, "push", "{\"ref\": "), 400),
            ("deep JSON", unparsed(&github, "push", &"[".repeat(100_000)), 400),
            ("odd JSON", push(&json!([null, 1e300, {"ref": []}])), 400),
            (
                "a commit that is none",
                push(&json!({
                    "ref": "refs/heads/main", "before": "0".repeat(40), "after": "<!channel>",
                    "repository": {"full_name": "exchange/monorepo"}, "commits": [],
                })),
                400,
            ),
            (
                "a GUID that is none",
                Webhook { guid: "not a guid; DROP TABLE".to_owned(), ..good.clone() },
                400,
            ),
        ];
        for (what, webhook, status) in rows {
            let told = github.send(&webhook).await?;
            assert_eq!(told.status, Some(status), "{what}: {}", told.response);
            assert!(told.response.contains("error"), "{what}: {}", told.response);
        }
        assert_eq!(story.changes_since(&before).await?, Vec::<String>::new());

        // Another repository's push with our secret is heard and ignored; a ping works.
        let foreign = push(&json!({
            "ref": "refs/heads/main", "before": work.sha, "after": next.sha, "repository": {"full_name": "mallory/monorepo"},
            "commits": [],
        }));
        assert_eq!(github.send(&foreign).await?.status, Some(200));
        assert_eq!(github.ping().await?.status, Some(200));
        assert_eq!(story.changes_since(&before).await?, Vec::<String>::new());
        // The push that all of them were made of does change something.
        assert_eq!(github.send(&good).await?.status, Some(200));
        assert!(!story.changes_since(&before).await?.is_empty());
        assert_eq!(story.executions().await?.len(), 0);
        Ok(())
    })
}

fn unparsed(github: &gantry_simulator::github::GitHubRepository, event: &str, body: &str) -> Webhook {
    let signature = gantry_simulator::github::signature(&github.config().webhook_secret, body);
    Webhook { signature, body: body.to_owned(), ..github.webhook(event, &json!({})) }
}
