//! Calls that are refused, lost, answered late, or whose function dies: the effect is that of once.

use std::time::Duration;

use anyhow::Result;
use gantry_simulator::slack::Fault;
use gantry_tests::{ADA, BOB, Change, Story, WorldOptions, quick, tell};

/// How many of these had an effect, in a list of writes.
fn effects(asked: &str, kind: &str) -> usize {
    asked.lines().filter(|line| line.contains(kind) && !line.contains(" -> ")).count()
}

#[test]
fn t22_answers_that_are_lost_have_the_effect_of_once() -> Result<()> {
    tell(quick(), async |story| {
        let script = story.world.simulation.front.script();
        let lost = [
            script.on("ecs", "RegisterTaskDefinition").given("family", "exchange-preprod2-web").lose_answer(),
            script.on("ecs", "UpdateService").given("service", "web").lose_answer(),
            script.on("ecs", "UpdateService").given("service", "sidekiq").lose_call(),
            script.on("ecs", "RunTask").lose_answer(),
            script.on("ecs", "RunTask").nth(3).lose_call(),
            script.on("ecs", "DescribeServices").nth(7).lose_answer(),
        ];
        let work = story.a_developer_delivers(Change::of(["backend"])).await?;
        let question = story.question(&work).await?;
        for line in &lost {
            assert!(line.fired() > 0, "the story never came to what it is about");
        }
        script.clear();
        // The SDK does not make a write again that may have had its effect; the state machine does, and reads back first.
        story.an_error_was_logged("start-deployments", "got no usable answer");
        story.an_error_was_logged("start-task", "got no usable answer");
        let asked = story.aws_was_asked();
        assert_eq!(effects(&asked, " updates "), 4, "{asked}");
        assert_eq!(effects(&asked, " registers "), 4, "{asked}");
        // A task that is asked for again has the token of the first time: ECS answers with the same task.
        assert_eq!(story.one_off_tasks("exchange-base-cluster-preprod2").len(), 3, "{asked}");
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t23_functions_that_die_midway_are_gone_on_with() -> Result<()> {
    tell(quick(), async |story| {
        let script = story.world.simulation.front.script();
        // The call has its effect; whoever made it does not live to see the answer.
        let never = Duration::from_secs(1_000_000);
        let deaths = [
            ("start-task", script.on("ecs", "RunTask").delay(never)),
            ("start-deployments", script.on("ecs", "UpdateService").given("service", "sidekiq").delay(never)),
            (
                "watch-wave",
                script.on("ecs", "DescribeServices").given("services", "clockwork").nth(2).delay(never),
            ),
        ];
        let work = story.a_developer_delivers(Change::of(["backend"])).await?;
        for (function, line) in &deaths {
            assert!(line.reached().await, "{function}");
            story.kills(function)?;
        }
        let question = story.question(&work).await?;
        let asked = story.aws_was_asked();
        assert_eq!(effects(&asked, " updates "), 4, "{asked}");
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t24_a_release_that_is_throttled_everywhere_takes_longer_and_succeeds() -> Result<()> {
    tell(quick(), async |story| {
        let script = story.world.simulation.front.script();
        let throttled = [
            script.on("ecs", "DescribeServices").throttle(6),
            script.on("ecs", "RegisterTaskDefinition").throttle(4),
            script.on("ecs", "UpdateService").throttle(4),
            script.on("ecs", "DescribeServiceDeployments").throttle(4),
            script.on("ecs", "ListTasks").throttle(4),
            script.on("ecs", "RunTask").throttle(2),
            script.on("ecr", "BatchGetImage").throttle(2),
        ];
        let work = story.a_developer_delivers(Change::of(["backend", "client"])).await?;
        let question = story.question(&work).await?;
        for function in ["claim-release", "plan-stage", "start-deployments", "start-task", "watch-wave"] {
            story.an_error_was_logged(function, "Throttled");
        }
        for line in &throttled {
            assert!(line.fired() > 0, "the story never came to what it is about");
        }
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        let asked = story.aws_was_asked();
        assert_eq!(effects(&asked, " updates "), 10, "{asked}");
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t43_slack_that_is_down_for_a_whole_release_changes_nothing_and_hears_the_truth_once_in_order() -> Result<()>
{
    tell(quick(), async |story| {
        let ways = [
            Fault::Error("internal_error".to_owned()),
            Fault::RateLimited(30),
            Fault::Status(500),
            Fault::Silence,
            Fault::AnswerLost,
        ];
        for (number, way) in ways.into_iter().enumerate() {
            let duplicates = way == Fault::AnswerLost;
            story.world.simulation.slack.outage(Some(way.clone()));
            let unwell = Change::of(["client"]).label("gantry.simulator.http.status", "503");
            let work = story.a_developer_delivers(unwell).await?;
            let end = story.end_on_record(&work).await?;
            assert!(end.starts_with("RolledBack: check client-health failed"), "{way:?}: {end}");
            assert_eq!(story.runs("exchange-base-cluster-preprod2", "exchange-client-web")?, "client@c0");
            if !duplicates {
                assert_eq!(story.slack_says(), "", "{way:?}");
            }
            story.world.simulation.slack.outage(None);
            story.sweeper_tells_everything().await?;
            let told = story.slack_says();
            let release = format!("exchange-c{}-1", number + 1);
            assert!(
                told.contains(&format!("Release `{release}` was rolled back in preproduction")),
                "{told}"
            );
            let order = [
                format!("message: ⏪ *Release `{release}` was rolled back in preproduction: what ran before"),
                format!("message: ⏪ *Release `{release}` was rolled back in preproduction*\n"),
                format!("reply: ⏪ *Release `{release}` was rolled back in preproduction: what ran before"),
            ];
            let places: Vec<Option<usize>> = order.iter().map(|words| told.find(words)).collect();
            assert!(places.iter().all(Option::is_some), "{way:?}: {told}");
            // Slack kept what it did not answer for: nobody can know, so it may be told twice.
            if !duplicates {
                assert!(places.is_sorted(), "{way:?}: {told}");
                assert!(order.iter().all(|words| told.matches(words).count() == 1), "{way:?}: {told}");
            }
        }
        Ok(())
    })
}

/// One release that is rolled back and one that arrives, with two people who click: what became of them, and all that
/// was said in Slack, part by part.
async fn one_goes_back_and_one_arrives(story: &Story) -> Result<Vec<String>> {
    let mut told = Vec::new();
    let unwell = Change::of(["client"]).label("gantry.simulator.http.status", "503");
    let work = story.a_developer_delivers(unwell).await?;
    told.push(story.end_on_record(&work).await?);
    told.push(story.runs("exchange-base-cluster-preprod2", "exchange-client-web")?);
    story.everybody_was_told().await?;
    told.push(story.slack_says());

    let work = story.a_developer_delivers(Change::of(["engine"])).await?;
    let question = story.question(&work).await?;
    let late = story.click_payload(BOB, &question, "approve")?;
    story.approves(ADA, &question).await?;
    told.push(format!("{:?}", story.release_ends(&work).await?.end));
    assert_eq!(story.sends(&late).await?.status, 200);
    told.push(story.slack_says());
    told.push(story.aws_was_asked());
    Ok(told)
}

#[test]
fn t43_slack_that_answers_slowly_for_whole_releases_hears_the_very_same() -> Result<()> {
    // Slow enough to be felt everywhere, and quicker than a sender that died is given up: five minutes on this clock.
    let late = Fault::Late(Duration::from_millis(1500));
    let mut told = Vec::new();
    for outage in [None, Some(late)] {
        tell(WorldOptions { factor: 60.0, ..quick() }, async |story| {
            story.world.simulation.slack.outage(outage.clone());
            told.push(one_goes_back_and_one_arrives(story).await?);
            Ok(())
        })?;
    }
    let [quickly, slowly] = told.as_slice() else { anyhow::bail!("both were told") };
    assert_eq!(quickly, slowly);
    assert!(quickly[0].starts_with("RolledBack: check client-health failed"), "{}", quickly[0]);
    assert_eq!((&*quickly[1], &*quickly[3]), ("client@c0", "Some(\"Succeeded\")"));
    for (part, words) in [
        (2, "message: ⏪ *Release `exchange-c1-1` was rolled back in preproduction: what ran before"),
        (2, "reply: ⏪ *Release `exchange-c1-1` was rolled back in preproduction: what ran before"),
        (4, "only bob sees"),
        (4, "reply: ✅ *production runs the release, verified*"),
    ] {
        assert_eq!(quickly[part].matches(words).count(), 1, "{words}: {}", quickly[part]);
    }
    Ok(())
}
