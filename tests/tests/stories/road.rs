//! From a developer's push to production, for one, two and three components.

use anyhow::Result;
use gantry_simulator::ecr::{PushedImage, TagMutability};
use gantry_tests::{ADA, BOB, Change, Story, Work, quick, tell};

#[test]
fn a_backend_change_goes_from_push_to_production() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["backend"])).await?;
        let question = story.question(&work).await?;
        insta::assert_snapshot!(story.aws_was_asked(), @"");
        insta::assert_snapshot!(story.slack_says(), @"");
        insta::assert_snapshot!(story.verified("preproduction").await?, @"");
        insta::assert_snapshot!(story.verified("production").await?, @"");

        story.approves(ADA, &question).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.aws_was_asked(), @"");
        insta::assert_snapshot!(story.slack_says(), @"");
        insta::assert_snapshot!(story.verified("production").await?, @"");
        Ok(())
    })
}

#[test]
fn backend_and_client_go_together_and_the_client_goes_last() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["backend", "client"])).await?;
        let question = story.question(&work).await?;
        story.approves(BOB, &question).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.aws_was_asked(), @"");
        insta::assert_snapshot!(story.slack_says(), @"");
        insta::assert_snapshot!(story.verified("production").await?, @"");
        Ok(())
    })
}

#[test]
fn three_components_go_in_order_and_the_plan_is_told_before() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["engine", "client", "backend"])).await?;
        let question = story.question(&work).await?;
        insta::assert_snapshot!(story.slack_says(), @"");
        story.approves(ADA, &question).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.aws_was_asked(), @"");
        insta::assert_snapshot!(story.slack_says(), @"");
        insta::assert_snapshot!(story.verified("preproduction").await?, @"");
        insta::assert_snapshot!(story.verified("production").await?, @"");
        Ok(())
    })
}

/// Somebody with the right to push moves the tag of the release to an image of their own, at several points of its road.
#[test]
fn t01_a_tag_that_moves_moves_nothing() -> Result<()> {
    tell(quick(), async |story| {
        let backend = story.world.component("backend")?.repository.to_string();
        story.world.simulation.ecr.create_repository(&*backend, TagMutability::Mutable);
        let work = story.a_developer_delivers(Change::of(["backend"])).await?;

        for state in ["AcquireLock", "RollOut"] {
            story.release_comes_to(&work, state).await?;
            move_the_tag(story, &backend, &work, state)?;
        }
        let question = story.question(&work).await?;
        move_the_tag(story, &backend, &work, "question")?;
        story.approves(ADA, &question).await?;
        move_the_tag(story, &backend, &work, "approval")?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));

        let asked = story.aws_was_asked();
        let registered: Vec<&str> = asked.lines().filter(|line| line.contains(" registers ")).collect();
        // A backup, a migration, four services and an acceptance run, in each of two stages.
        assert_eq!(registered.len(), 14, "{asked}");
        assert!(registered.iter().all(|line| line.ends_with("with backend@c1")), "{asked}");
        assert_eq!(story.executions().await?.len(), 1, "a moved tag started another release");
        story.slack_says();
        Ok(())
    })
}

fn move_the_tag(story: &Story, repository: &str, work: &Work, when: &str) -> Result<()> {
    let other = format!("{:0<40}", when.bytes().map(|byte| format!("{byte:x}")).collect::<String>());
    let evil = PushedImage::new(repository, Vec::<String>::new(), "6.6.6", &other[..40]);
    let digest = story.world.simulation.ecr.push(&evil)?;
    Ok(story.world.simulation.ecr.retag(repository, &work.tag(), &digest)?)
}

#[test]
fn the_world_moves_after_people_agreed_and_they_are_asked_again() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();

        // Somebody deploys by hand, in the same minute.
        let before =
            story.someone_deploys_by_hand("exchange-base-cluster-prod2", "exchange-client-web").await?;
        story.approves(ADA, &question).await?;
        let again = story.another_question(&work, &question).await?;
        insta::assert_snapshot!(story.slack_says(), @"");

        story.approves(BOB, &again).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        assert!(!before.is_empty());
        story.slack_says();
        Ok(())
    })
}
