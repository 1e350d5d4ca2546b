//! `docs/console.md`, followed by the letter: every input on it is started, and must end as the page says under it.
//!
//! What stands in angle brackets on the page is replaced by what the world has. An input of a kind that no person here
//! knows how to bring about fails the story, as does one without a promise.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use gantry_domain::End;
use gantry_local::road::Road;
use gantry_simulator::slack::Message;
use gantry_tests::{ADA, Change, Story, Work, quick, tell};
use serde_json::Value;

const PRODUCTION: &str = "exchange-base-cluster-prod2";
const PREPRODUCTION: &str = "exchange-base-cluster-preprod2";
const CLIENT: &str = "exchange-client-web";

/// An input, and what the page says of it.
#[derive(Debug)]
struct Block {
    input: String,
    end: End,
    /// For an input that is refused: the words.
    words: Option<String>,
}

/// Every input of a page, in order.
fn blocks(page: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for rest in page.split("```json\n").skip(1) {
        let (input, rest) = rest.split_once("\n```\n").context("a block is not closed")?;
        let below = rest.trim_start().split("\n\n").next().unwrap_or_default().replace('\n', " ");
        blocks.push(block(input, &below).with_context(|| format!("under {input}"))?);
    }
    Ok(blocks)
}

fn block(input: &str, below: &str) -> Result<Block> {
    let promise = below.strip_prefix("**Ends `").context("no end is promised: write **Ends `…`** there")?;
    let (end, rest) = promise.split_once("`**").context("the end is not written as **Ends `…`**")?;
    let end = End::ALL.into_iter().find(|known| known.as_str() == end);
    let end = end.context("the end that is promised is none of the five")?;
    let words = rest.strip_prefix(" and says `").and_then(|rest| rest.split_once('`'));
    let words = words.map(|(words, _)| words.to_owned());
    ensure!(words.is_some() == (end == End::FailedClean), "a refusal, and nothing else, `says` something");
    Ok(Block { input: input.to_owned(), end, words })
}

fn read(file: &str) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the root")?;
    std::fs::read_to_string(root.join(file)).with_context(|| file.to_owned())
}

/// Somebody who does what the page says.
struct Reader<'a> {
    story: &'a Story,
    /// Releases that went all the way.
    good: Vec<(Work, String)>,
    refusals: Option<Refusals>,
}

/// What it takes to be refused.
struct Refusals {
    /// Pushed, and not built.
    waiting: Work,
    /// People are asked about it.
    open: Work,
    question: Message,
    road: Road,
}

impl Reader<'_> {
    async fn follows(&mut self, block: &Block) -> Result<()> {
        let input: Value = serde_json::from_str(&block.input)?;
        let rollback = input.get("rollback");
        match (block.end, rollback) {
            (End::FailedClean, _) => self.is_refused(block).await,
            (End::Succeeded, None) => self.starts_a_release(block).await,
            (End::RolledBack, Some(wish)) if wish.get("release").is_some() => self.puts_back(block).await,
            (End::RolledBack, Some(wish)) => self.goes_back(block, wish.get("to").is_some()).await,
            (end, _) => bail!("nobody knows how to make this end {end:?}"),
        }
    }

    async fn starts_a_release(&mut self, block: &Block) -> Result<()> {
        let story = self.story;
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.rejects(ADA, &question, "It is started by hand").await?;
        story.release_ends(&work).await?;

        let execution = self.starts(&block.input, &[("<commit>", &work.sha)]).await?;
        let question = story.another_question(&work, &question).await?;
        story.approves(ADA, &question).await?;
        let road = self.ends(block, &execution).await?;
        ensure!(self.production()? == image(story, &work), "production runs {}", self.production()?);
        self.good.push((work, road.id));
        Ok(())
    }

    /// Another release goes all the way, by itself.
    async fn another_good_one(&mut self) -> Result<()> {
        let story = self.story;
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.approves(ADA, &question).await?;
        let road = story.release_ends(&work).await?;
        ensure!(road.end.as_deref() == Some("Succeeded"), "{:?}", road.reason);
        self.good.push((work, road.id));
        Ok(())
    }

    async fn goes_back(&mut self, block: &Block, is_named: bool) -> Result<()> {
        let story = self.story;
        let before = self.production()?;
        self.another_good_one().await?;
        if is_named {
            // Without a name this one's predecessor would be the target.
            self.another_good_one().await?;
        }
        let target = self.good.iter().find(|(work, _)| image(story, work) == before);
        let target = target.context("no release brought what ran before")?.1.clone();
        story.aws_was_asked();

        let execution = self.starts(&block.input, &[("<release>", &target)]).await?;
        self.ends(block, &execution).await?;
        ensure!(self.production()? == before, "production runs {}, not {before}", self.production()?);
        let asked = story.aws_was_asked();
        ensure!(asked.matches(" updates ").count() == 1, "one service was to go back: {asked}");
        let resumed = story.gantry(&["resume", "production"]).await?;
        ensure!(resumed.code == Some(0), "production did not hold: {resumed:?}");
        story.everybody_was_told().await
    }

    async fn puts_back(&mut self, block: &Block) -> Result<()> {
        let story = self.story;
        let before = story.runs(PREPRODUCTION, CLIENT)?;
        // Nobody but the person hears of it.
        story.status_events_get_lost().await?;
        let slow = Change::of(["client"]).label("gantry.simulator.start-seconds", "1800");
        let work = story.a_developer_delivers(slow).await?;
        story.rollout_comes_to(&work, "WatchWave").await?;
        let died = story.somebody_stops(&work).await?;

        let filled = [("<stage>", "preproduction"), ("<release>", died.id.as_str())];
        let execution = self.starts(&block.input, &filled).await?;
        self.ends(block, &execution).await?;
        ensure!(story.runs(PREPRODUCTION, CLIENT)? == before, "preproduction was not put back to {before}");
        let end = story.end_on_record(&work).await?;
        ensure!(end.starts_with("RolledBack: Its execution was stopped by a person."), "{end}");
        ensure!(story.sweeper_looks().await? == Value::Null, "the sweeper failed");
        Ok(())
    }

    async fn is_refused(&mut self, block: &Block) -> Result<()> {
        let story = self.story;
        if self.refusals.is_none() {
            self.refusals = Some(self.prepares_refusals().await?);
        }
        let given = self.refusals.as_ref().context("refusals")?;
        let (good, ended) = self.good.first().context("a release that ended")?;
        let filled = [
            ("<commit>", good.sha.as_str()),
            ("<waiting commit>", &given.waiting.sha),
            ("<open commit>", &given.open.sha),
            ("<ended release>", ended),
            ("<open release>", &given.road.id),
            ("<its execution>", &given.road.execution),
        ];
        let claims = story.claims().await?;
        story.aws_was_asked();
        let execution = self.starts(&block.input, &filled).await?;
        let road = self.ends(block, &execution).await?;
        let reason = road.reason.unwrap_or_default();
        let words = fill(block.words.as_deref().unwrap_or_default(), &filled);
        ensure!(reason.contains(&words), "the page promises {words:?}, it said {reason:?}");
        ensure!(story.claims().await? == claims, "something was claimed");
        let asked = story.aws_was_asked();
        ensure!(asked.is_empty(), "something was touched: {asked}");
        Ok(())
    }

    async fn prepares_refusals(&self) -> Result<Refusals> {
        let story = self.story;
        let open = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&open).await?;
        let road = story.release_comes_to(&open, "AskApproval").await?;
        let waiting = story.a_developer_pushes(Change::of(["client"])).await?;
        story.ci_succeeds(&waiting).await?;
        Ok(Refusals { waiting, open, question, road })
    }

    async fn starts(&self, input: &str, filled: &[(&str, &str)]) -> Result<String> {
        let input = fill(input, filled);
        ensure!(!input.contains('<'), "nobody knows what to fill in: {input}");
        self.story.starts_on_console(&serde_json::from_str(&input)?).await
    }

    async fn ends(&self, block: &Block, execution: &str) -> Result<Road> {
        let road = self.story.execution_ends(execution).await?;
        let (end, promised) = (road.end.as_deref(), block.end.as_str());
        ensure!(end == Some(promised), "{promised} is promised, it ended {end:?}: {:?}", road.reason);
        Ok(road)
    }

    fn production(&self) -> Result<String> {
        self.story.runs(PRODUCTION, CLIENT)
    }

    /// Nothing stays open.
    async fn tidies_up(self) -> Result<()> {
        let story = self.story;
        if let Some(Refusals { open, question, .. }) = self.refusals {
            story.rejects(ADA, &question, "The page is read").await?;
            story.release_ends(&open).await?;
        }
        for name in ["InvalidInput", "NotReady", "ImageNotFound", "ReleaseAlreadyClaimed", "Unavailable"] {
            story.an_error_was_logged("claim-release", name);
        }
        story.slack_says();
        Ok(())
    }
}

/// The image that was built from a commit, by the name it has in stories.
fn image(story: &Story, work: &Work) -> String {
    format!("client@{}", story.name(&work.sha))
}

fn fill(text: &str, filled: &[(&str, &str)]) -> String {
    filled.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
}

#[test]
fn every_input_on_the_page_ends_as_the_page_says() -> Result<()> {
    let blocks = blocks(&read("docs/console.md")?)?;
    for end in [End::Succeeded, End::RolledBack, End::FailedClean] {
        ensure!(blocks.iter().any(|block| block.end == end), "no input of the page ends {end:?}");
    }
    tell(quick(), async |story| {
        let mut reader = Reader { story, good: Vec::new(), refusals: None };
        for block in &blocks {
            reader.follows(block).await.with_context(|| block.input.clone())?;
        }
        reader.tidies_up().await
    })
}

#[test]
fn an_input_without_a_promise_is_found() {
    let refused =
        |below: &str| blocks(&format!("```json\n{{}}\n```\n{below}")).unwrap_err().root_cause().to_string();
    assert_eq!(refused("\nIt works.\n"), "no end is promised: write **Ends `…`** there");
    assert_eq!(
        refused("\n## Next\n\n**Ends `Succeeded`**\n"),
        "no end is promised: write **Ends `…`** there"
    );
    assert_eq!(refused("\n**Ends `Well`**\n"), "the end that is promised is none of the five");
    let silent = "a refusal, and nothing else, `says` something";
    assert_eq!(refused("\n**Ends `FailedClean`** of course.\n"), silent);
    assert_eq!(refused("\n**Ends `Succeeded`** and says `yes`.\n"), silent);
}

#[test]
fn the_page_explains_every_state_of_both_machines() -> Result<()> {
    let page = read("docs/console.md")?;
    for machine in ["release", "rollout"] {
        let definition: Value = serde_json::from_str(&read(&format!("statemachine/{machine}.asl.json"))?)?;
        let states = definition["States"].as_object().context("states")?;
        let (_, section) = page.split_once(&format!("### The {machine} machine")).context("the section")?;
        let section = section.split("\n#").next().unwrap_or_default();
        let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('|'));
        let explained: Vec<&str> =
            cells.flat_map(|(cell, _)| cell.split([',', ' ', '`']).filter(|word| !word.is_empty())).collect();
        let named: BTreeSet<&str> = explained.iter().copied().collect();
        assert_eq!(named.len(), explained.len(), "a state of {machine} is explained twice: {explained:?}");
        assert_eq!(named, states.keys().map(String::as_str).collect(), "{machine}");
    }
    Ok(())
}
