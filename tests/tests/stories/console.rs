//! Releases that a person starts on the AWS console.

mod page;

use anyhow::Result;
use gantry_tests::{ADA, BOB, Change, quick, tell};
use serde_json::json;

#[test]
fn a_person_starts_a_release_by_commit_and_by_image() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["backend"])).await?;
        let question = story.question(&work).await?;
        story.rejects(ADA, &question, "Not before the audit").await?;
        story.release_ends(&work).await?;
        story.slack_says();
        story.aws_was_asked();

        // The same commit, by its first digits.
        let second = story.starts_on_console(&json!({ "commit": work.short() })).await?;
        let question = story.another_question(&work, &question).await?;
        insta::assert_snapshot!(story.slack_says(), @"
        message: 🏗️ *Release `exchange-c1-2` has started*
                 Commit `c1`. A person started it from the console.
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c0` · _not touched by this commit: the version that preproduction runs, verified_
                 • *engine* `c0` · _not touched by this commit: the version that preproduction runs, verified_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 What happens to it is told in this thread.
          reply: ✅ *preproduction runs the release, verified*
                 Ran it already: web, sidekiq, clockwork, kafka-consumer, exchange-client-web, exchange-engine-app
                 Passed: backend-health, acceptance
        message: Approve for production?
                 Release `exchange-c1-2` waits for a decision before *production*.
                 *What changes in production*
                 • *backend* `c0` → `c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
                 • *client* stays at `c0`
                    _not touched by this commit: the version that preproduction runs, verified_
                 • *engine* stays at `c0`
                    _not touched by this commit: the version that preproduction runs, verified_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 *Checked before*
                 ✅ backend-health, acceptance
                 See for yourself: <http://world/|http://world>
                 <@U0ADA>, <@U0BOB> may decide, until (a moment) · plan `…`
                 [Approve] [Reject…]
        ");
        story.rejects(BOB, &question, "Still not").await?;
        let road = story.execution_ends(&second).await?;
        assert_eq!(road.end.as_deref(), Some("Declined"));

        // Again, in full; and then one component by its image.
        let third = story.starts_on_console(&json!({ "commit": work.sha })).await?;
        let question = story.another_question(&work, &question).await?;
        story.rejects(BOB, &question, "No").await?;
        assert_eq!(story.execution_ends(&third).await?.end.as_deref(), Some("Declined"));
        story.slack_says();

        let fourth = story.starts_on_console(&json!({ "components": { "backend": work.tag() } })).await?;
        let question = story.another_question(&work, &question).await?;
        story.approves(ADA, &question).await?;
        let road = story.execution_ends(&fourth).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"), "{:?}", road.reason);
        insta::assert_snapshot!(story.slack_says(), @"
        message: ✅ *Release `exchange-c1-4` succeeded*
                 Every stage runs the release.
                 *What it holds*
                 • *backend* `c1` · _named by the person who started the release_
                 • *client* `c0` · _not touched by this commit: the version that preproduction runs, verified_
                 • *engine* `c0` · _not touched by this commit: the version that preproduction runs, verified_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 How it went is told in this thread.
          reply: ✅ *preproduction runs the release, verified*
                 Ran it already: web, sidekiq, clockwork, kafka-consumer, exchange-client-web, exchange-engine-app
                 Passed: backend-health, acceptance
        message: Approved for production
                 ✅ <@U0ADA> approved it on (a moment).
                 Release `exchange-c1-4`
                 *What changes in production*
                 • *backend* `c0` → `c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
                    _named by the person who started the release_
                 • *client* stays at `c0`
                    _not touched by this commit: the version that preproduction runs, verified_
                 • *engine* stays at `c0`
                    _not touched by this commit: the version that preproduction runs, verified_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 *Checked before*
                 ✅ backend-health, acceptance
                 See for yourself: <http://world/|http://world>
          reply: ✅ *production runs the release, verified*
                 Deployed: web, sidekiq, clockwork, kafka-consumer
                 Ran it already: exchange-client-web, exchange-engine-app
                 Passed: backend-backup, backend-migration, backend-health, acceptance-readonly
          reply: ✅ *Release `exchange-c1-4` succeeded*
                 Every stage runs the release.
        ");
        insta::assert_snapshot!(story.verified("production").await?, @"
        clockwork backend@c1
        exchange-client-web client@c0
        exchange-engine-app engine@c0
        kafka-consumer backend@c1
        sidekiq backend@c1
        web backend@c1
        ");
        Ok(())
    })
}

#[test]
fn any_other_input_is_refused_with_words_and_nothing_is_touched() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_pushes(Change::of(["backend"])).await?;
        story.slack_says();
        let pushed_unbuilt = work.tag();
        let rows = [
            (json!(null), "the input is null, not an object"),
            (json!([1]), "the input is an array, not an object"),
            (json!("4f2a9c1"), "the input is a string, not an object"),
            (json!({}), "the input says nothing"),
            (json!({ "Comment": "Insert your JSON here" }), "field \"Comment\" is unknown"),
            (json!({ "commit": "4f2a9c1", "force": true }), "field \"force\" is unknown"),
            (json!({ "commit": 42 }), "field \"commit\" is a number, not a string"),
            (json!({ "commit": "main" }), "field \"commit\": \"main\" is not a commit"),
            (json!({ "commit": "4f2a9c1", "components": {} }), "exclude each other"),
            (json!({ "components": [] }), "field \"components\" is an array, not an object"),
            (json!({ "components": {} }), "field \"components\" names none"),
            (json!({ "components": { "frontend": "sha-4f2a9c1" } }), "there is no component \"frontend\""),
            (json!({ "components": { "backend": null } }), "field \"components.backend\" is null, not a tag"),
            (json!({ "components": { "backend": "a b" } }), "field \"components.backend\""),
            (json!({ "commit": "4f2a9c1" }), "no push of commit 4f2a9c1 is known"),
            (json!({ "commit": work.short() }), "is not ready: it waits for an image of backend from c1"),
            (
                json!({ "components": { "backend": "latest" } }),
                "tag latest of backend does not tell a whole commit",
            ),
            (json!({ "components": { "backend": pushed_unbuilt } }), "has no image with tag sha-c1"),
        ];
        let before = story.claims().await?;
        let mut started = Vec::new();
        for (input, _) in &rows {
            started.push(story.starts_on_console(input).await?);
        }
        for (execution, (input, words)) in started.iter().zip(&rows) {
            let road = story.execution_ends(execution).await?;
            let reason = story.name(&road.reason.unwrap_or_default());
            assert_eq!(road.end.as_deref(), Some("FailedClean"), "{input}: {reason}");
            assert!(reason.contains(words), "{input}: {reason}");
            if words.contains("field") || words.contains("input") {
                assert!(reason.contains(r#"{"commit": "<7 to 40 digits>"}"#), "{input}: {reason}");
            }
        }
        for name in ["InvalidInput", "NotReady", "ImageNotFound"] {
            story.an_error_was_logged("claim-release", name);
        }
        assert_eq!(story.aws_was_asked(), "");
        assert_eq!(story.claims().await?, before);
        let told = story.slack_says();
        assert_eq!(told.matches("failed: nothing was changed").count(), rows.len(), "{told}");
        let first = told.lines().take(3).collect::<Vec<_>>().join("\n");
        assert!(first.contains("*Next:*"), "{first}");
        Ok(())
    })
}
