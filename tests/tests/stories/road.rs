//! From a developer's push to production, for one, two and three components.

use anyhow::Result;
use gantry_simulator::ecr::{PushedImage, TagMutability};
use gantry_tests::{ADA, BOB, Change, Story, Work, WorldOptions, quick, tell};

#[test]
fn a_backend_change_goes_from_push_to_production() -> Result<()> {
    // With the sweeper at work, as on AWS: it finds nothing to do.
    tell(WorldOptions { factor: 120.0, schedules: true, ..quick() }, async |story| {
        let work = story.a_developer_delivers(Change::of(["backend"])).await?;
        let question = story.question(&work).await?;
        insta::assert_snapshot!(story.aws_was_asked(), @"
        preproduction registers exchange-preprod2-web with backend@c1
        preproduction runs exchange-preprod2-web:2: bin/rails db:backup
        preproduction runs exchange-preprod2-web:2: bin/rails db:migrate
        preproduction updates web to exchange-preprod2-web:2
        preproduction registers exchange-preprod2-sidekiq with backend@c1
        preproduction updates sidekiq to exchange-preprod2-sidekiq:2
        preproduction registers exchange-preprod2-clockwork with backend@c1
        preproduction updates clockwork to exchange-preprod2-clockwork:2
        preproduction registers exchange-preprod2-kafka-consumer with backend@c1
        preproduction updates kafka-consumer to exchange-preprod2-kafka-consumer:2
        preproduction runs exchange-preprod2-web:2: bin/acceptance --suite full
        ");
        insta::assert_snapshot!(story.slack_says(), @"
        message: 🏗️ *Release `exchange-c1-1` has started*
                 Commit `c1`. It started by itself, once its images and checks had arrived.
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 What happens to it is told in this thread.
          reply: ✅ *preproduction runs the release, verified*
                 Deployed: web, sidekiq, clockwork, kafka-consumer
                 Ran it already: exchange-client-web, exchange-engine-app
                 Passed: backend-backup, backend-migration, backend-health, acceptance
        message: Approve for production?
                 Release `exchange-c1-1` waits for a decision before *production*.
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
                 <@U0ADA>, <@U0BOB> may decide, until (a moment) · plan `…`
                 [Approve] [Reject…]
        ");
        insta::assert_snapshot!(story.verified("preproduction").await?, @"
        clockwork backend@c1
        exchange-client-web client@c0
        exchange-engine-app engine@c0
        kafka-consumer backend@c1
        sidekiq backend@c1
        web backend@c1
        ");
        insta::assert_snapshot!(story.verified("production").await?, @"");

        story.approves(ADA, &question).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.aws_was_asked(), @"
        production    registers exchange-prod2-web with backend@c1
        production    runs exchange-prod2-web:2: bin/rails db:backup
        production    runs exchange-prod2-web:2: bin/rails db:migrate
        production    updates web to exchange-prod2-web:2
        production    registers exchange-prod2-sidekiq with backend@c1
        production    updates sidekiq to exchange-prod2-sidekiq:2
        production    registers exchange-prod2-clockwork with backend@c1
        production    updates clockwork to exchange-prod2-clockwork:2
        production    registers exchange-prod2-kafka-consumer with backend@c1
        production    updates kafka-consumer to exchange-prod2-kafka-consumer:2
        production    runs exchange-prod2-web:2: bin/acceptance --suite readonly
        ");
        insta::assert_snapshot!(story.slack_says(), @"
        changed: ✅ *Release `exchange-c1-1` succeeded*
                 Every stage runs the release.
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 How it went is told in this thread.
        changed: Approved for production
                 ✅ <@U0ADA> approved it on (a moment).
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
          reply: ✅ *production runs the release, verified*
                 Deployed: web, sidekiq, clockwork, kafka-consumer
                 Ran it already: exchange-client-web, exchange-engine-app
                 Passed: backend-backup, backend-migration, backend-health, acceptance-readonly
          reply: ✅ *Release `exchange-c1-1` succeeded*
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
fn backend_and_client_go_together_and_the_client_goes_last() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["backend", "client"])).await?;
        let question = story.question(&work).await?;
        story.approves(BOB, &question).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.aws_was_asked(), @"
        preproduction registers exchange-preprod2-web with backend@c1
        preproduction runs exchange-preprod2-web:2: bin/rails db:backup
        preproduction runs exchange-preprod2-web:2: bin/rails db:migrate
        preproduction updates web to exchange-preprod2-web:2
        preproduction registers exchange-preprod2-sidekiq with backend@c1
        preproduction updates sidekiq to exchange-preprod2-sidekiq:2
        preproduction registers exchange-preprod2-clockwork with backend@c1
        preproduction updates clockwork to exchange-preprod2-clockwork:2
        preproduction registers exchange-preprod2-kafka-consumer with backend@c1
        preproduction updates kafka-consumer to exchange-preprod2-kafka-consumer:2
        preproduction registers exchange-preprod2-exchange-client-web with client@c1
        preproduction updates exchange-client-web to exchange-preprod2-exchange-client-web:2
        preproduction runs exchange-preprod2-web:2: bin/acceptance --suite full
        production    registers exchange-prod2-web with backend@c1
        production    runs exchange-prod2-web:2: bin/rails db:backup
        production    runs exchange-prod2-web:2: bin/rails db:migrate
        production    updates web to exchange-prod2-web:2
        production    registers exchange-prod2-sidekiq with backend@c1
        production    updates sidekiq to exchange-prod2-sidekiq:2
        production    registers exchange-prod2-clockwork with backend@c1
        production    updates clockwork to exchange-prod2-clockwork:2
        production    registers exchange-prod2-kafka-consumer with backend@c1
        production    updates kafka-consumer to exchange-prod2-kafka-consumer:2
        production    registers exchange-prod2-exchange-client-web with client@c1
        production    updates exchange-client-web to exchange-prod2-exchange-client-web:2
        production    runs exchange-prod2-web:2: bin/acceptance --suite readonly
        ");
        insta::assert_snapshot!(story.slack_says(), @"
        message: ✅ *Release `exchange-c1-1` succeeded*
                 Every stage runs the release.
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c1` · new
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend and client _by_ Dana Brooks
                 How it went is told in this thread.
          reply: ✅ *preproduction runs the release, verified*
                 Deployed: web, sidekiq, clockwork, kafka-consumer, exchange-client-web
                 Ran it already: exchange-engine-app
                 Passed: backend-backup, backend-migration, backend-health, client-health, acceptance
        message: Approved for production
                 ✅ <@U0BOB> approved it on (a moment).
                 Release `exchange-c1-1`
                 *What changes in production*
                 • *backend* `c0` → `c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
                 • *client* `c0` → `c1` · exchange-client-web
                 • *engine* stays at `c0`
                    _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend and client _by_ Dana Brooks
                 *Checked before*
                 ✅ backend-backup, backend-migration, backend-health, client-health, acceptance
                 See for yourself: <http://world/|http://world>
          reply: ✅ *production runs the release, verified*
                 Deployed: web, sidekiq, clockwork, kafka-consumer, exchange-client-web
                 Ran it already: exchange-engine-app
                 Passed: backend-backup, backend-migration, backend-health, client-health, acceptance-readonly
          reply: ✅ *Release `exchange-c1-1` succeeded*
                 Every stage runs the release.
        ");
        insta::assert_snapshot!(story.verified("production").await?, @"
        clockwork backend@c1
        exchange-client-web client@c1
        exchange-engine-app engine@c0
        kafka-consumer backend@c1
        sidekiq backend@c1
        web backend@c1
        ");
        Ok(())
    })
}

#[test]
fn three_components_go_in_order_and_the_plan_is_told_before() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["engine", "client", "backend"])).await?;
        let question = story.question(&work).await?;
        insta::assert_snapshot!(story.slack_says(), @"
        message: 🏗️ *Release `exchange-c1-1` has started*
                 Commit `c1`. It started by itself, once its images and checks had arrived.
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c1` · new
                 • *engine* `c1` · new
                 *1 commit*
                 • `c1` Improve engine and client and backend _by_ Dana Brooks
                 What happens to it is told in this thread.
          reply: ✅ *preproduction runs the release, verified*
                 Deployed: web, sidekiq, clockwork, kafka-consumer, exchange-client-web, exchange-engine-app
                 Passed: backend-backup, backend-migration, backend-health, client-health, engine-metrics, acceptance
        message: Approve for production?
                 Release `exchange-c1-1` waits for a decision before *production*.
                 *What changes in production*
                 • *backend* `c0` → `c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
                 • *client* `c0` → `c1` · exchange-client-web
                 • *engine* `c0` → `c1` · exchange-engine-app
                 *1 commit*
                 • `c1` Improve engine and client and backend _by_ Dana Brooks
                 *Checked before*
                 ✅ backend-backup, backend-migration, backend-health, client-health, engine-metrics, acceptance
                 See for yourself: <http://world/|http://world>
                 <@U0ADA>, <@U0BOB> may decide, until (a moment) · plan `…`
                 [Approve] [Reject…]
        ");
        story.approves(ADA, &question).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        assert_eq!(story.only_images_differ()?, 12);
        insta::assert_snapshot!(story.aws_was_asked(), @"
        preproduction registers exchange-preprod2-web with backend@c1
        preproduction runs exchange-preprod2-web:2: bin/rails db:backup
        preproduction runs exchange-preprod2-web:2: bin/rails db:migrate
        preproduction updates web to exchange-preprod2-web:2
        preproduction registers exchange-preprod2-sidekiq with backend@c1
        preproduction updates sidekiq to exchange-preprod2-sidekiq:2
        preproduction registers exchange-preprod2-clockwork with backend@c1
        preproduction updates clockwork to exchange-preprod2-clockwork:2
        preproduction registers exchange-preprod2-kafka-consumer with backend@c1
        preproduction updates kafka-consumer to exchange-preprod2-kafka-consumer:2
        preproduction registers exchange-preprod2-exchange-client-web with client@c1
        preproduction updates exchange-client-web to exchange-preprod2-exchange-client-web:2
        preproduction registers exchange-preprod2-exchange-engine-app with engine@c1
        preproduction updates exchange-engine-app to exchange-preprod2-exchange-engine-app:2
        preproduction runs exchange-preprod2-web:2: bin/acceptance --suite full
        production    registers exchange-prod2-web with backend@c1
        production    runs exchange-prod2-web:2: bin/rails db:backup
        production    runs exchange-prod2-web:2: bin/rails db:migrate
        production    updates web to exchange-prod2-web:2
        production    registers exchange-prod2-sidekiq with backend@c1
        production    updates sidekiq to exchange-prod2-sidekiq:2
        production    registers exchange-prod2-clockwork with backend@c1
        production    updates clockwork to exchange-prod2-clockwork:2
        production    registers exchange-prod2-kafka-consumer with backend@c1
        production    updates kafka-consumer to exchange-prod2-kafka-consumer:2
        production    registers exchange-prod2-exchange-client-web with client@c1
        production    updates exchange-client-web to exchange-prod2-exchange-client-web:2
        production    registers exchange-prod2-exchange-engine-app with engine@c1
        production    updates exchange-engine-app to exchange-prod2-exchange-engine-app:2
        production    runs exchange-prod2-web:2: bin/acceptance --suite readonly
        ");
        insta::assert_snapshot!(story.slack_says(), @"
        changed: ✅ *Release `exchange-c1-1` succeeded*
                 Every stage runs the release.
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c1` · new
                 • *engine* `c1` · new
                 *1 commit*
                 • `c1` Improve engine and client and backend _by_ Dana Brooks
                 How it went is told in this thread.
        changed: Approved for production
                 ✅ <@U0ADA> approved it on (a moment).
                 Release `exchange-c1-1`
                 *What changes in production*
                 • *backend* `c0` → `c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
                 • *client* `c0` → `c1` · exchange-client-web
                 • *engine* `c0` → `c1` · exchange-engine-app
                 *1 commit*
                 • `c1` Improve engine and client and backend _by_ Dana Brooks
                 *Checked before*
                 ✅ backend-backup, backend-migration, backend-health, client-health, engine-metrics, acceptance
                 See for yourself: <http://world/|http://world>
          reply: ✅ *production runs the release, verified*
                 Deployed: web, sidekiq, clockwork, kafka-consumer, exchange-client-web, exchange-engine-app
                 Passed: backend-backup, backend-migration, backend-health, client-health, engine-metrics, acceptance-readonly
          reply: ✅ *Release `exchange-c1-1` succeeded*
                 Every stage runs the release.
        ");
        insta::assert_snapshot!(story.verified("preproduction").await?, @"
        clockwork backend@c1
        exchange-client-web client@c1
        exchange-engine-app engine@c1
        kafka-consumer backend@c1
        sidekiq backend@c1
        web backend@c1
        ");
        insta::assert_snapshot!(story.verified("production").await?, @"
        clockwork backend@c1
        exchange-client-web client@c1
        exchange-engine-app engine@c1
        kafka-consumer backend@c1
        sidekiq backend@c1
        web backend@c1
        ");
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
        // Four services in each of two stages; the tasks share the definition of web.
        assert_eq!(registered.len(), 8, "{asked}");
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
        insta::assert_snapshot!(story.slack_says(), @"
        changed: To be asked again for production
                 🔁 What runs there changed between the decision and the start, so the approval no longer counts. A new question follows.
                 • exchange-client-web runs exchange-prod2-exchange-client-web:2 now, not exchange-prod2-exchange-client-web:1.
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
        message: Approve for production?
                 Release `exchange-c1-1` waits for a decision before *production*.
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
                 <@U0ADA>, <@U0BOB> may decide, until (a moment) · plan `…`
                 [Approve] [Reject…]
        ");

        story.approves(BOB, &again).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"));
        assert!(!before.is_empty());
        story.slack_says();
        Ok(())
    })
}
