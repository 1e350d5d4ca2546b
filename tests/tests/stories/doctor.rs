//! An operator asks what is wrong with an installation.

use anyhow::{Context as _, Result};
use gantry_local::places;
use gantry_tests::{Change, quick, tell};
use serde_json::json;

#[test]
fn a_sound_installation_is_told_so_and_what_breaks_is_named_with_what_to_do() -> Result<()> {
    tell(quick(), async |story| {
        let sound = story.gantry(&["doctor"]).await?;
        assert_eq!(sound.code, Some(0), "{sound:?}");
        for words in [
            "good     account 111122223333 in us-west-2",
            "good     state machine gantry-exchange-release is there",
            "good     state machine gantry-exchange-rollout is there",
            "good     secret gantry/exchange/slack-token has a value",
            "good     secret gantry/exchange/monday-token has a value",
            "good     no dead letters",
            "good     preproduction: 6 services in exchange-base-cluster-preprod2 can be deployed",
            "good     production: 6 services in exchange-base-cluster-prod2 can be deployed",
        ] {
            assert!(sound.words.contains(words), "{words}\n{}", sound.words);
        }
        assert!(!sound.words.contains("xoxb"), "a secret's value");

        // A release breaks pre-production, which holds; secrets are gone (MiniStack gives an empty one a version, AWS does not); an event was not understood.
        let work =
            story.a_developer_delivers(Change::of(["client"]).label("gantry.simulator.exit-code", "1"));
        let road = story.release_ends(&work.await?).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"), "{:?}", road.reason);
        story.everybody_was_told().await?;
        let client = &story.world.client;
        client.delete_secret("gantry/exchange/github-token").await?;
        client.delete_secret("gantry/exchange/github-webhook-secret").await?;
        let event = json!({
            "result": "SUCCESS", "action-type": "PUSH", "repository-name": "exchange-client-59deea6",
            "image-tag": ["sha-4f2a9c1"], "image-digest": 42,
        });
        story.registry_event(&event).await?;
        story.a_dead_letter_waits().await?;
        story.an_error_was_logged("ecr-intake", "an event was not understood");
        let broken = story.gantry(&["doctor"]).await?;
        assert_eq!(broken.code, Some(1), "{broken:?}");
        for words in [
            "WRONG    there is no secret gantry/exchange/github-token\n         deploy the stack",
            "WRONG    there is no secret gantry/exchange/github-webhook-secret",
            "notable  about 1 dead letters wait in gantry-exchange-dead-letters",
            "notable  preproduction: holds since exchange-c1-1 was rolled back\n         when releases may come in again: gantry \
             resume preproduction",
            "2 things are wrong or not known",
        ] {
            assert!(broken.words.contains(words), "{words}\n{}", broken.words);
        }
        assert_eq!(story.dead_letters().await?.len(), 1, "they are left where they are");
        story.slack_says();
        Ok(())
    })
}

#[test]
fn a_configuration_that_is_not_what_runs_is_told_apart() -> Result<()> {
    tell(quick(), async |story| {
        let exchange = std::fs::read_to_string(places::root().join("examples/exchange/gantry.toml"))?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("gantry.toml");
        let path = file.to_str().context("a path that is no text")?;
        let with = async |from: &str, to: &str| {
            anyhow::ensure!(exchange.contains(from), "{from}");
            std::fs::write(&file, exchange.replace(from, to))?;
            story.gantry_alone(&["doctor", "--config", path]).await
        };
        let renamed = with("exchange-engine-app", "exchange-engine-v2").await?;
        assert_eq!(renamed.code, Some(1), "{renamed:?}");
        let words = "WRONG    preproduction: there is no active service exchange-engine-v2";
        assert!(renamed.words.contains(words), "{renamed:?}");
        let elsewhere = with("111122223333", "444455556666").await?;
        assert!(elsewhere.words.contains("these credentials are for account 111122223333"), "{elsewhere:?}");
        let nowhere = with("exchange-base-cluster-prod2", "exchange-base-cluster-prod9").await?;
        assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
        assert!(
            nowhere.words.contains("UNKNOWN  production: cluster exchange-base-cluster-prod9"),
            "{nowhere:?}"
        );
        let other = with("name = \"exchange\"", "name = \"bourse\"").await?;
        assert!(
            other.words.contains("WRONG    there is no state machine gantry-bourse-release"),
            "{other:?}"
        );
        Ok(())
    })
}
