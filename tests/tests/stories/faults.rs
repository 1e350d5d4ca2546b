//! Calls that are refused, lost, answered late, or whose function dies: the effect is that of once.

use std::time::Duration;

use anyhow::Result;
use gantry_simulator::slack::Fault;
use gantry_tests::{ADA, Change, quick, tell};

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
            let runs_now = told.matches("*What runs in preproduction now*").count();
            if duplicates {
                assert!(runs_now >= 1, "{way:?}: {told}");
            } else {
                assert_eq!(runs_now, 1, "{way:?}: {told}");
                let order = ["*What it holds*", "*What runs in preproduction now*", "  reply: ⏪"];
                let places: Vec<Option<usize>> = order.iter().map(|words| told.find(words)).collect();
                assert!(places.is_sorted() && places.iter().all(Option::is_some), "{way:?}: {told}");
            }
        }
        Ok(())
    })
}
