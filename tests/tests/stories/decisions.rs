//! People decide, or do not, or may not, or all at once.

use anyhow::Result;
use gantry_tests::{ADA, BOB, CAT, Change, GUS, WorldOptions, quick, tell};
use serde_json::{Value, json};

/// The role whose answer to Step Functions gets lost.
const CLICKS: &str = "gantry-exchange-slack-interactions";

#[test]
fn a_rejection_asks_for_a_reason_and_ends_the_release() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();
        story.aws_was_asked();
        story.rejects(BOB, &question, "Prices are wrong <!channel>").await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Declined"));
        insta::assert_snapshot!(story.slack_says(), @"");
        assert_eq!(story.aws_was_asked(), "", "production was touched");
        assert_eq!(story.verified("production").await?, "");
        Ok(())
    })
}

#[test]
fn t27_a_question_that_nobody_answers_lapses_and_says_so() -> Result<()> {
    let replacements = vec![("expires_after = \"8h\"".to_owned(), "expires_after = \"5m\"".to_owned())];
    tell(WorldOptions { replacements, ..quick() }, async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();
        let late = story.click_payload(ADA, &question, "approve")?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Declined"));
        insta::assert_snapshot!(story.slack_says(), @"");

        // Ada had the old message in front of her.
        assert_eq!(story.sends(&late).await?.status, 200);
        insta::assert_snapshot!(story.slack_says(), @"");
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
                assert_eq!(story.sends(&payload).await?.status, 403, "{person} {action}");
            }
        }
        let told = story.slack_says();
        assert_eq!(told.matches("this decision is not yours to make here").count(), 4, "{told}");
        assert!(told.contains("only cat sees"), "{told}");

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
            assert_eq!(story.sends(&payload).await?.status, 403, "{field} {value}");
        }
        assert_eq!(story.everything_on_record().await?, before);
        story.slack_says();

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

        let (approved, rejected) =
            tokio::join!(story.approves(ADA, &question), story.rejects(BOB, &question, "Wait"));
        assert_eq!(approved?.status, 200);
        // A form may not even have opened for Bob, if Ada was that much quicker.
        let rejected = rejected.map(|answer| answer.status);
        let road = story.release_ends(&work).await?;
        assert_eq!(story.decisions().await?, 1);
        let told = story.slack_says();
        match road.end.as_deref() {
            Some("Succeeded") => assert!(told.contains("approved it on"), "{told}"),
            Some("Declined") => {
                assert_eq!(rejected.ok(), Some(200));
                assert!(told.contains("rejected it on") && told.contains("“Wait”"), "{told}");
            }
            other => panic!("ended as {other:?}: {told}"),
        }
        story.closes_forms().await?;
        story.slack_says();
        Ok(())
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
        insta::assert_snapshot!(story.slack_says(), @"");
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
        insta::assert_snapshot!(story.verified("production").await?, @"");
        story.slack_says();
        Ok(())
    })
}

#[test]
fn a_recorded_decision_whose_answer_was_lost_is_delivered_by_the_next_click() -> Result<()> {
    tell(WorldOptions { schedules: false, ..quick() }, async |story| {
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
    tell(WorldOptions { schedules: false, ..quick() }, async |story| {
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
