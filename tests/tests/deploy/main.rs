//! `make deploy` as a person runs it, with the real SAM CLI, into an account that has clusters and images but no Gantry.
//!
//! `make test-deploy` prepares what the script needs: its virtual environment, the `gantry` command, the functions'
//! archives.

#[cfg(test)]
mod installer;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use anyhow::{Context, Result};
    use gantry_local::deeds::Change;
    use gantry_local::places;
    use gantry_local::stack::deployed;
    use gantry_local::world::{Ground, World};
    use gantry_tests::quick;

    use crate::installer::Installer;

    const STACK: &str = "gantry-exchange";

    /// Names of the packages below `functions/`.
    fn packages() -> Result<BTreeSet<String>> {
        let entries = std::fs::read_dir(places::root().join("functions"))?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_make_deploy_puts_into_an_account_carries_a_release_to_production() -> Result<()> {
        let options = quick();
        let ground = Ground::lay(options.clone()).await?;
        let installer = Installer::new(&options)?;

        // Somebody else's account is left alone.
        let strange = installer
            .with(&[("\"111122223333\"", "\"444455556666\""), (":111122223333:", ":444455556666:")])?;
        let refused = strange.deploy(&ground, &["--yes"]).await?;
        assert_eq!(refused.code, Some(1), "{}", refused.words);
        let words = "these credentials belong to account 111122223333, and";
        assert!(refused.words.contains(words), "{}", refused.words);
        // Nobody is there to be asked.
        let unasked = installer.deploy(&ground, &[]).await?;
        assert_eq!(unasked.code, Some(1), "{}", unasked.words);
        assert!(unasked.words.contains("say --yes to deploy without being asked"), "{}", unasked.words);
        assert!(ground.client.stack(STACK).await?.is_none(), "something was deployed all the same");

        let done = installer.deploy(&ground, &["--yes"]).await?;
        assert_eq!(done.code, Some(0), "{}", done.words);
        for told in [
            "stack gantry-exchange in account 111122223333, region us-west-2",
            "/slack/interactions",
            "/github/webhook",
            "gantry/exchange/slack-token",
            "gantry/exchange/monday-token",
        ] {
            assert!(done.words.contains(told), "{told} is not told:\n{}", done.words);
        }

        let stack = deployed(STACK, &ground.client).await?;
        let prefix = format!("{STACK}-");
        let functions: BTreeSet<String> = stack
            .functions
            .iter()
            .filter_map(|function| Some(function.name.strip_prefix(&prefix)?.to_owned()))
            .collect();
        assert_eq!(functions, packages()?);
        for (id, name) in [
            ("ReleasesTable", "gantry-exchange-releases"),
            ("ApprovalsTable", "gantry-exchange-approvals"),
            ("LocksTable", "gantry-exchange-locks"),
            ("ImagePushedRule", "gantry-exchange-image-pushed"),
        ] {
            assert_eq!(stack.physical_ids.get(id).map(String::as_str), Some(name), "{id}");
        }
        for machine in ["ReleaseMachine", "RolloutMachine"] {
            assert!(stack.physical_ids[machine].contains(":stateMachine:gantry-exchange-"), "{machine}");
        }

        // The same once more changes nothing: archives of the same content are the same archives.
        let again = installer.deploy(&ground, &["--yes"]).await?;
        assert_eq!(again.code, Some(0), "{}", again.words);
        let kept = again.words.matches("File with same data already exists at").count();
        assert!(
            kept >= functions.len() + 2,
            "only {kept} archives and definitions were there:\n{}",
            again.words
        );

        let world = World::stand_on(ground, stack).await?;
        let sha = world.push_and_build(&Change::of(["backend"])).await?;
        let question = world.wait_for_question(&sha, "approve").await?;
        let gates = world.pipeline().stages.iter().filter_map(|stage| stage.approval.as_ref());
        let approver = gates.flat_map(|gate| &gate.approvers).next().context("nobody may approve")?;
        world.click(approver.as_str(), &question, "approve").await?;
        let road = world.wait_for_end(&sha).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"), "{}", world.diagnosis().await);
        Ok(())
    }
}
