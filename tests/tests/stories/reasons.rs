//! Why something failed: ECS's own words, exit codes and the end of the log reach the people who have to do something.

use anyhow::{Context, Result};
use gantry_tests::{Change, Story, WorldOptions, quick, tell};

/// The client's waves are given up soon.
fn impatient() -> WorldOptions {
    let words = ("wave_timeout = \"15m\"".to_owned(), "wave_timeout = \"2m\"".to_owned());
    WorldOptions { replacements: vec![words], ..quick() }
}

/// Its tasks end before they are healthy, with last words that hold a password.
fn crashing() -> Change {
    Change::of(["client"])
        .label("gantry.simulator.exit-code", "1")
        .label("gantry.simulator.exit-after-seconds", "3")
        .label("gantry.simulator.never-healthy", "true")
        .label(
            "gantry.simulator.log",
            "booting for production\nError: <connect> ECONNREFUSED postgres://exchange:correct-horse@10.0.3.7/app",
        )
}

/// The reply that tells why, without what differs from run to run: how many tasks there were, how far ECS's own rollback
/// was when Gantry looked, and the ids of deployments.
fn why(told: &str) -> Result<String> {
    let start = told.find("  reply: 🔎").with_context(|| format!("nobody was told why: {told}"))?;
    let rest = told.get(start..).unwrap_or_default();
    let end = rest.find("\nmessage:").or_else(|| rest.get(1..)?.find("\n  reply:")).unwrap_or(rest.len());
    let lines = rest.get(..end).unwrap_or_default().lines().map(|line| {
        let digits = |c: char| c.is_ascii_digit();
        let line = match line.split_once(" tasks stopped ") {
            Some((before, after)) => format!("{}… tasks stopped {after}", before.trim_end_matches(digits)),
            None => line.to_owned(),
        };
        let mut parts = line.split("ecs-svc/");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |line, part| format!("{line}ecs-svc/…{}", part.trim_start_matches(digits))) + "\n"
    });
    let lines: String = lines.collect();
    Ok(lines.replace("ROLLBACK_IN_PROGRESS", "ROLLBACK_…").replace("ROLLBACK_SUCCESSFUL", "ROLLBACK_…"))
}

async fn ends_rolled_back(story: &Story) -> Result<String> {
    let work = story.a_developer_delivers(crashing()).await?;
    let road = story.release_ends(&work).await?;
    assert_eq!(road.end.as_deref(), Some("RolledBack"), "{:?}", road.reason);
    story.everybody_was_told().await?;
    // By digest if Gantry put it back, by tag if ECS had done so by itself.
    let runs = story.runs("exchange-base-cluster-preprod2", "exchange-client-web")?;
    assert!(runs == "client@c0" || runs.ends_with(":sha-c0"), "{runs}");
    let reason = road.reason.unwrap_or_default();
    assert!(reason.contains("container exchange-client-web: exit code 1"), "{reason}");
    assert!(!reason.contains("has started"), "{reason}");
    Ok(story.slack_says())
}

#[test]
fn t17_the_end_of_the_failing_containers_log_reaches_the_thread_without_secrets() -> Result<()> {
    tell(impatient(), async |story| {
        let told = ends_rolled_back(story).await?;
        assert!(!told.contains("correct-horse"), "{told}");
        insta::assert_snapshot!(why(&told)?, @r"
          reply: 🔎 *Why exchange-client-web failed in preproduction*
                 its deployment is ROLLBACK_…. Service deployment rolled back because the circuit breaker threshold was exceeded.
                 • … tasks stopped (EssentialContainerExited): Essential container in task exited; container exchange-client-web: exit code 1
                 • (service exchange-client-web) rolling back to deployment ecs-svc/….
                 • (service exchange-client-web) (deployment ecs-svc/…) deployment failed: tasks failed to start.
                 *The last lines of container `exchange-client-web`*
                 ```
                 booting for production
                 Error: &lt;connect&gt; ECONNREFUSED postgres://***@10.0.3.7/app
                 ```
                 From `/ecs/exchange-preprod2-exchange-client-web exchange-client-web/exchange-client-web/(an id)`
        ");
        Ok(())
    })
}

#[test]
fn t17_a_log_group_that_cannot_be_read_does_not_change_the_end() -> Result<()> {
    let mut options = impatient();
    let group = (
        "families = \"exchange-preprod2-{service}\"".to_owned(),
        "families = \"exchange-preprod2-{service}\"\nlog_groups = \"\"".to_owned(),
    );
    options.replacements.push(group);
    tell(options, async |story| {
        let told = ends_rolled_back(story).await?;
        insta::assert_snapshot!(why(&told)?, @r"
          reply: 🔎 *Why exchange-client-web failed in preproduction*
                 its deployment is ROLLBACK_…. Service deployment rolled back because the circuit breaker threshold was exceeded.
                 • … tasks stopped (EssentialContainerExited): Essential container in task exited; container exchange-client-web: exit code 1
                 • (service exchange-client-web) rolling back to deployment ecs-svc/….
                 • (service exchange-client-web) (deployment ecs-svc/…) deployment failed: tasks failed to start.
                 No log of container `exchange-client-web`: Gantry may not read its log group. `/ecs/exchange-preprod2-exchange-client-web exchange-client-web/exchange-client-web/(an id)`
        ");
        Ok(())
    })
}
