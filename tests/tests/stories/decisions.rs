//! People decide, or do not, or may not, or all at once.

use anyhow::Result;
use gantry_tests::{ADA, BOB, CAT, Change, GUS, WorldOptions, quick, tell, with};
use serde_json::{Value, json};

/// The role whose answer to Step Functions gets lost.
const CLICKS: &str = "gantry-exchange-slack-interactions";

#[test]
fn t35_a_rejection_with_a_reason_ends_the_release_and_no_text_is_markup() -> Result<()> {
    tell(quick(), async |story| {
        let message = "Show <https://evil.example|prices> & tell <!channel>\n\nMore".to_owned();
        let work = story.a_developer_delivers(Change { message, ..Change::of(["client"]) }).await?;
        let question = story.question(&work).await?;
        story.slack_says();
        story.aws_was_asked();
        story.rejects(BOB, &question, "Prices are wrong <!channel>").await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Declined"));
        insta::assert_snapshot!(story.slack_says(), @"
        changed: ⛔ *Release `exchange-c1-1` was declined before production: nothing was promoted*
                 production was refused: Prices are wrong &lt;!channel&gt;
                 *What it holds*
                 • *backend* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *client* `c1` · new
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Show &lt;https://evil.example|prices&gt; &amp; tell &lt;!channel&gt; _by_ Dana Brooks
                 How it went is told in this thread.
        changed: Rejected for production
                 ⛔ <@U0BOB> rejected it on (a moment).
                 “Prices are wrong &lt;!channel&gt;”
                 Release `exchange-c1-1`
                 *What changes in production*
                 • *backend* stays at `c0`
                    _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *client* `c0` → `c1` · exchange-client-web
                 • *engine* stays at `c0`
                    _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Show &lt;https://evil.example|prices&gt; &amp; tell &lt;!channel&gt; _by_ Dana Brooks
                 *Checked before*
                 ✅ client-health, acceptance
                 See for yourself: <http://world/|http://world>
          reply: ⛔ *Release `exchange-c1-1` was declined before production: nothing was promoted*
                 production was refused: Prices are wrong &lt;!channel&gt;
        ");
        assert_eq!(story.aws_was_asked(), "", "production was touched");
        assert_eq!(story.verified("production").await?, "");
        Ok(())
    })
}

#[test]
fn t27_a_question_that_nobody_answers_lapses_and_says_so() -> Result<()> {
    let world = with(&[("expires_after = \"8h\"", "expires_after = \"30m\"")]);
    tell(WorldOptions { schedules: true, ..world }, async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();
        let late = story.click_payload(ADA, &question, "approve")?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Declined"));
        insta::assert_snapshot!(story.slack_says(), @"
        changed: ⛔ *Release `exchange-c1-1` was declined before production: nothing was promoted*
                 Nobody decided about production in time.
                 *Next:* Start the commit again to be asked again.
                 *What it holds*
                 • *backend* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *client* `c1` · new
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve client _by_ Dana Brooks
                 How it went is told in this thread.
        changed: Not decided in time for production
                 ⌛ Nobody had decided by (a moment), so the question lapsed. Nothing was changed. To try again, start a release of the commit from the console.
                 Release `exchange-c1-1`
                 *What changes in production*
                 • *backend* stays at `c0`
                    _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *client* `c0` → `c1` · exchange-client-web
                 • *engine* stays at `c0`
                    _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve client _by_ Dana Brooks
                 *Checked before*
                 ✅ client-health, acceptance
                 See for yourself: <http://world/|http://world>
          reply: ⛔ *Release `exchange-c1-1` was declined before production: nothing was promoted*
                 Nobody decided about production in time.
                 *Next:* Start the commit again to be asked again.
        ");

        // Ada had the old message in front of her.
        assert_eq!(story.sends(&late).await?.status, 200);
        insta::assert_snapshot!(story.slack_says(), @"only ada sees:This question lapsed before anybody decided, so nothing was changed. To try again, start a release of the commit from the console.");
        assert_eq!(story.verified("production").await?, "");
        Ok(())
    })
}

#[test]
fn t03_only_approvers_of_this_workspace_and_channel_decide() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();
        let before = story.everything_on_record().await?;

        for person in [CAT, GUS] {
            for action in ["approve", "reject"] {
                let payload = story.click_payload(person, &question, action)?;
                assert_eq!(story.sends(&payload).await?.status, 200, "{person} {action}");
            }
        }
        let told = story.slack_says();
        assert_eq!(told.matches("this decision is not yours to make here").count(), 4, "{told}");
        assert_eq!(told.matches("only cat sees").count(), 2, "{told}");

        // A good click, with one field changed each time.
        let good = story.click_payload(ADA, &question, "approve")?;
        let wrong = [
            ("/api_app_id", json!("A0OTHER")),
            ("/team/id", json!("T0OTHER")),
            ("/user/team_id", json!("T0OTHER")),
            ("/channel/id", json!("C0OTHER")),
            ("/user/id", json!("U0NOBODY")),
            ("/user/id", Value::Null),
            ("/team", Value::Null),
            ("/channel", Value::Null),
        ];
        for (field, value) in wrong {
            let mut payload = good.clone();
            if let Some(there) = payload.pointer_mut(field) {
                *there = value.clone();
            }
            assert_ne!(payload, good, "{field}");
            // An address for replies is good for five; each of these is somebody's own click.
            payload["response_url"] = story.click_payload(ADA, &question, "approve")?["response_url"].clone();
            assert_eq!(story.sends(&payload).await?.status, 200, "{field} {value}");
            let told = story.slack_says();
            assert!(told.contains("this decision is not yours to make here"), "{field} {value}: {told}");
        }
        // Where there is no way to tell the person, the status does. No reply goes to just any address (T36).
        for address in
            [Value::Null, json!("http://169.254.169.254/latest"), json!("https://hooks.slack.com.evil/")]
        {
            let mut payload = story.click_payload(CAT, &question, "approve")?;
            payload["response_url"] = address.clone();
            assert_eq!(story.sends(&payload).await?.status, 403, "{address}");
        }
        assert_eq!(story.changes_since(&before).await?, Vec::<String>::new());
        assert_eq!(story.slack_says(), "");

        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t05_two_approvers_and_many_clicks_at_once_decide_once() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();

        let (first, second, third, fourth) = tokio::join!(
            story.approves(ADA, &question),
            story.approves(BOB, &question),
            story.approves(ADA, &question),
            story.approves(BOB, &question),
        );
        for answer in [first?, second?, third?, fourth?] {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let told = story.slack_says();
        assert_eq!(told.matches("approved this already").count(), 3, "{told}");
        assert_eq!(told.matches("Your click changed nothing").count(), 3, "{told}");

        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        assert_eq!(story.decisions().await?, 1);
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t05_approving_and_rejecting_at_once_decides_one_way() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();

        story.asks_to_reject(BOB, &question).await?;
        let (approved, rejected) =
            tokio::join!(story.approves(ADA, &question), story.gives_reason(BOB, "Wait"));
        assert_eq!((approved?.status, rejected?.status), (200, 200));
        let road = story.release_ends(&work).await?;
        assert_eq!(story.decisions().await?, 1);
        let told = story.slack_says();
        match road.end.as_deref() {
            Some("Succeeded") => assert!(told.contains("<@U0ADA> approved it on"), "{told}"),
            Some("Declined") => {
                assert!(told.contains("<@U0BOB> rejected it on") && told.contains("“Wait”"), "{told}");
                assert!(told.contains("<@U0BOB> rejected this already"), "{told}");
            }
            other => panic!("ended as {other:?}: {told}"),
        }
        story.closes_forms().await
    })
}

/// A newer release asks for production while an older one waits; the older question is dead, and its buttons open nothing.
#[test]
fn t06_a_superseded_question_approves_nothing() -> Result<()> {
    tell(quick(), async |story| {
        let older = story.a_developer_delivers(Change::of(["backend"])).await?;
        let first = story.question(&older).await?;
        let stale = story.click_payload(ADA, &first, "approve")?;
        let replayed = story.world.simulation.slack.sign(&stale);
        story.slack_says();

        let newer = story.a_developer_delivers(Change::of(["client"])).await?;
        let second = story.question(&newer).await?;
        let road = story.release_ends(&older).await?;
        assert_eq!(road.end.as_deref(), Some("Declined"));
        insta::assert_snapshot!(story.slack_says(), @"
        changed: ⛔ *Release `exchange-c1-1` was declined before production: nothing was promoted*
                 A newer release takes its place: exchange-c2-1 asks for production
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 How it went is told in this thread.
        changed: Superseded before production
                 ⏭️ Closed on (a moment): exchange-c2-1 asks for production.
                 Nothing is lost: the newer release holds this one's changes too.
                 Release `exchange-c1-1`
                 *What changes in production*
                 • *backend* `c0` → `c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
                 • *client* stays at `c0`
                    _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *engine* stays at `c0`
                    _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 *Checked before*
                 ✅ backend-backup, backend-migration, backend-health, acceptance
                 See for yourself: <http://world/|http://world>
        message: 🏗️ *Release `exchange-c2-1` has started*
                 Commit `c2`. It started by itself, once its images and checks had arrived.
                 *What it holds*
                 • *backend* `c1` · _not touched by this commit: the version that preproduction runs, verified_
                 • *client* `c2` · new
                 • *engine* `c0` · _not touched by this commit: the version that preproduction runs, verified_
                 *1 commit*
                 • `c2` Improve client _by_ Dana Brooks
                 What happens to it is told in this thread.
          reply: ✅ *preproduction runs the release, verified*
                 Deployed: exchange-client-web
                 Ran it already: web, sidekiq, clockwork, kafka-consumer, exchange-engine-app
                 Passed: client-health, acceptance
        message: Approve for production?
                 Release `exchange-c2-1` waits for a decision before *production*.
                 *What changes in production*
                 • *backend* `c0` → `c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
                    _not touched by this commit: the version that preproduction runs, verified_
                 • *client* `c0` → `c2` · exchange-client-web
                 • *engine* stays at `c0`
                    _not touched by this commit: the version that preproduction runs, verified_
                 *1 commit*
                 • `c2` Improve client _by_ Dana Brooks
                 *Checked before*
                 ✅ client-health, acceptance
                 See for yourself: <http://world/|http://world>
                 <@U0ADA>, <@U0BOB> may decide, until (a moment) · plan `…`
                 [Approve] [Reject…]
          reply: ⛔ *Release `exchange-c1-1` was declined before production: nothing was promoted*
                 A newer release takes its place: exchange-c2-1 asks for production
        ");
        story.aws_was_asked();

        // The old message, the old request byte for byte, and the new message with the old question's name on its button.
        assert_eq!(story.sends(&stale).await?.status, 200);
        assert_eq!(story.world.simulation.slack.send(&replayed).await?.status, 200);
        assert_eq!(story.world.simulation.slack.send(&replayed).await?.status, 200);
        let mut mixed = story.click_payload(BOB, &second, "approve")?;
        mixed["actions"][0]["value"] = stale["actions"][0]["value"].clone();
        assert_eq!(story.sends(&mixed).await?.status, 200);
        let mut invented = story.click_payload(BOB, &second, "approve")?;
        invented["actions"][0]["value"] = json!("0123456789abcdef0123456789abcdef");
        assert_eq!(story.sends(&invented).await?.status, 200);
        let told = story.slack_says();
        assert_eq!(told.matches("A newer release took this one's place").count(), 4, "{told}");
        assert_eq!(told.matches("does not know this question").count(), 1, "{told}");
        assert_eq!(story.aws_was_asked(), "");
        assert_eq!(story.decisions().await?, 1, "only the older question was decided, by the newer release");

        // Nothing is lost: the newer release brings the older one's backend too.
        story.approves(ADA, &second).await?;
        assert_eq!(story.release_ends(&newer).await?.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.verified("production").await?, @"
        clockwork backend@c1
        exchange-client-web client@c2
        exchange-engine-app engine@c0
        kafka-consumer backend@c1
        sidekiq backend@c1
        web backend@c1
        ");
        story.slack_says();
        Ok(())
    })
}

#[test]
fn a_recorded_decision_whose_answer_was_lost_is_delivered_by_the_next_click() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        assert!(story.remembers_tokens().await? > 0);
        story.slack_says();

        let again = story.click_payload(BOB, &question, "approve")?;
        story.world.client.deny(CLICKS, &["states:SendTaskSuccess"]).await?;
        assert_eq!(story.approves(ADA, &question).await?.status, 200);
        story.everybody_was_told().await?;
        assert_eq!(story.decisions().await?, 1);
        let told = story.slack_says();
        assert!(told.contains("<@U0ADA> approved it on"), "{told}");
        assert_eq!(story.state_of(&work).as_deref(), Some("AskApproval"));

        story.world.client.allow_again(CLICKS).await?;
        assert_eq!(story.sends(&again).await?.status, 200);
        let told = story.slack_says();
        assert!(told.contains("<@U0ADA> approved this already"), "{told}");
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        assert_eq!(story.decisions().await?, 1);
        story.slack_says();
        Ok(())
    })
}

#[test]
fn a_recorded_decision_whose_answer_was_lost_is_delivered_by_the_sweeper() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        assert!(story.remembers_tokens().await? > 0);
        story.world.client.deny(CLICKS, &["states:SendTaskSuccess"]).await?;
        assert_eq!(story.approves(ADA, &question).await?.status, 200);
        assert_eq!(story.state_of(&work).as_deref(), Some("AskApproval"));

        let swept = story.world.invoke_sweep().await?;
        assert!(!swept.failed, "{:?}", swept.payload);
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        assert_eq!(story.decisions().await?, 1);
        story.slack_says();
        Ok(())
    })
}
