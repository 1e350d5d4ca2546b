//! One release at a time writes to a stage; the others wait in line and are woken, oldest first.

use anyhow::Result;
use gantry_tests::{ADA, Change, quick, tell};

#[test]
fn releases_wait_in_line_for_a_stage_and_nothing_of_them_is_lost() -> Result<()> {
    tell(quick(), async |story| {
        let first = story.a_developer_delivers(Change::of(["backend"])).await?;
        story.release_comes_to(&first, "RollOut").await?;
        let second = story.a_developer_delivers(Change::of(["client"])).await?;
        story.has_waiters(1).await?;
        let third = story.a_developer_delivers(Change::of(["engine"])).await?;
        story.has_waiters(2).await?;
        assert_eq!(story.waiters().await?, ["exchange-c2-1", "exchange-c3-1"]);
        assert!(story.remembers_tokens().await? >= 2);

        let question = story.question(&third).await?;
        for older in [&first, &second] {
            assert_eq!(story.release_ends(older).await?.end.as_deref(), Some("Declined"));
        }
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
        preproduction registers exchange-preprod2-exchange-client-web with client@c2
        preproduction updates exchange-client-web to exchange-preprod2-exchange-client-web:2
        preproduction registers exchange-preprod2-web with backend@c1
        preproduction runs exchange-preprod2-web:3: bin/acceptance --suite full
        preproduction registers exchange-preprod2-exchange-engine-app with engine@c3
        preproduction updates exchange-engine-app to exchange-preprod2-exchange-engine-app:2
        preproduction registers exchange-preprod2-web with backend@c1
        preproduction runs exchange-preprod2-web:4: bin/acceptance --suite full
        ");
        let told = story.slack_says();
        assert_eq!(told.matches("*Waiting for preproduction*").count(), 2, "{told}");
        assert!(told.contains("Release `exchange-c1-1` is at work there"), "{told}");

        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&third).await?.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.verified("production").await?, @"
        clockwork backend@c1
        exchange-client-web client@c2
        exchange-engine-app engine@c3
        kafka-consumer backend@c1
        sidekiq backend@c1
        web backend@c1
        ");
        story.slack_says();
        Ok(())
    })
}
