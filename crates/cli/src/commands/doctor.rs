//! `gantry doctor`: looks at an installation and says what is wrong with it, and what to do. Changes nothing, and reads no
//! secret's value: whether Slack takes the token shows in what could not be delivered.

use clap::Args;
use gantry_aws::{Checkup, EcsInventory, LiveService, SecretState};
use gantry_domain::ecs::Controller;
use gantry_domain::names::ServiceName;
use gantry_domain::pipeline::Stage;
use gantry_steps::ports::store::{Desks as _, Holds as _, Locks as _, Outbox as _, Releases as _};

use crate::failure::Failure;
use crate::findings::Findings;
use crate::installation::{Installation, Which};

/// Looks at an installation and says what is wrong, and what to do
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    which: Which,
}

const DEPLOY: &str = "deploy the stack: make deploy (docs/install.md)";

impl Doctor {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let here = self.which.open().await?;
        let mut found = Findings::default();
        place(&here, &mut found);
        let checkup = Checkup::new(&here.aws);
        machines(&here, &checkup, &mut found).await;
        secrets(&here, &checkup, &mut found).await;
        told(&here, &checkup, &mut found).await;
        for stage in &here.pipeline.stages {
            held(&here, stage, &mut found).await;
            services(&here, stage, &mut found).await;
        }
        print!("{found}");
        match found.bad() {
            0 => Ok(()),
            1 => Err(Failure::Refused("one thing is wrong or not known".to_owned())),
            many => Err(Failure::Refused(format!("{many} things are wrong or not known"))),
        }
    }
}

/// Do the credentials lead to where the pipeline is?
fn place(here: &Installation, found: &mut Findings) {
    let caller = &here.caller;
    let Some(first) = here.pipeline.stages.first() else { return };
    if first.account.as_str() == caller.account && first.region.as_str() == caller.region {
        return found.good(format!("account {} in {}, as {}", caller.account, caller.region, caller.arn));
    }
    found.wrong(
        format!(
            "{} is in account {} in {}, these credentials are for account {} in {}",
            here.pipeline.name, first.account, first.region, caller.account, caller.region
        ),
        "use other credentials (AWS_PROFILE) or another region (AWS_REGION)",
    );
}

async fn machines(here: &Installation, checkup: &Checkup, found: &mut Findings) {
    let rollout = format!("{}-rollout", here.machine.trim_end_matches("-release"));
    for arn in [&here.machine, &rollout] {
        let name = arn.rsplit(':').next().unwrap_or(arn);
        match found.known(&format!("state machine {name}"), checkup.has_machine(arn).await) {
            Some(true) => found.good(format!("state machine {name} is there")),
            Some(false) => found.wrong(format!("there is no state machine {name}"), DEPLOY),
            None => {}
        }
    }
}

async fn secrets(here: &Installation, checkup: &Checkup, found: &mut Findings) {
    let pipeline = &here.pipeline;
    let mut names = vec!["slack-token", "slack-signing-secret", "github-webhook-secret", "github-token"];
    names.extend(pipeline.github.as_ref().map(|_| "github-status-token"));
    names.extend(pipeline.monday.as_ref().map(|_| "monday-token"));
    for name in names {
        let name = format!("gantry/{}/{name}", pipeline.name);
        match found.known(&format!("secret {name}"), checkup.secret(&name).await) {
            Some(SecretState::Given) => found.good(format!("secret {name} has a value")),
            Some(SecretState::Missing) => found.wrong(format!("there is no secret {name}"), DEPLOY),
            Some(SecretState::Empty) => found.wrong(
                format!("secret {name} has no value: whatever needs it refuses to work"),
                format!(
                    "put it: aws secretsmanager put-secret-value --secret-id {name} --secret-string file:///dev/stdin"
                ),
            ),
            None => {}
        }
    }
}

/// What could not be acted on, and what could not be told.
async fn told(here: &Installation, checkup: &Checkup, found: &mut Findings) {
    let queue = format!("gantry-{}-dead-letters", here.pipeline.name);
    match found.known("dead letters", checkup.letters(&queue).await) {
        Some(Some(0)) => found.good("no dead letters"),
        Some(Some(count)) => found.notable(
            format!("about {count} dead letters wait in {queue}"),
            "read them, each says why (docs/runbook.md), and purge the queue",
        ),
        Some(None) => found.wrong(format!("there is no queue {queue}"), DEPLOY),
        None => {}
    }
    let table = "what is still to be told";
    let slack = found.known(table, here.releases.undelivered().await).unwrap_or_default();
    let vendors = found.known(table, here.releases.untold().await).unwrap_or_default();
    let mut releases: Vec<String> = slack.iter().map(ToString::to_string).collect();
    releases.extend(vendors.iter().map(|untold| untold.release.to_string()));
    releases.sort();
    releases.dedup();
    let going = found.known("releases under way", here.releases.running().await).unwrap_or_default();
    releases.retain(|release| going.iter().all(|going| going.release.as_str() != release));
    if !releases.is_empty() {
        found.notable(
            format!("not everything is told of {}", releases.join(", ")),
            format!(
                "it is tried again by itself; why not yet stands in the logs of gantry-{}-send-notices and -sweep",
                here.pipeline.name
            ),
        );
    }
}

/// Who has the stage, and may releases come in?
async fn held(here: &Installation, stage: &Stage, found: &mut Findings) {
    let name = &stage.name;
    let lock = found.known(&format!("{name}: its lock"), here.locks.read(name).await).flatten();
    match lock.map(|stored| stored.lock).and_then(|lock| lock.kept.map(|reason| (lock.release, reason))) {
        None => {}
        Some((release, reason)) => found.wrong(
            format!("{name}: kept for a person since {release} failed there: {reason}"),
            format!("when it is put right: gantry unlock {name} --release {release}"),
        ),
    }
    let hold = found.known(&format!("{name}: a hold"), here.releases.hold(name).await).flatten();
    if let Some(hold) = hold {
        found.notable(
            format!("{name}: holds since {} was rolled back", hold.release),
            format!("when releases may come in again: gantry resume {name}"),
        );
    }
}

/// Can each service of the configuration be deployed?
async fn services(here: &Installation, stage: &Stage, found: &mut Findings) {
    let (name, cluster) = (&stage.name, &stage.cluster);
    let inventory = EcsInventory::in_region(&here.aws, &stage.region);
    let Some(live) = found.known(&format!("{name}: cluster {cluster}"), inventory.services(cluster).await)
    else {
        return;
    };
    let before = found.bad();
    let wanted: Vec<&ServiceName> =
        here.pipeline.components.iter().flat_map(|component| component.services()).collect();
    for service in &wanted {
        match live.iter().find(|live| live.name == **service) {
            None => found.wrong(
                format!("{name}: there is no active service {service} in {cluster}"),
                "create it, or take it out of gantry.toml and deploy the stack",
            ),
            Some(live) => deployable(stage, live, found),
        }
    }
    if found.bad() == before {
        found.good(format!("{name}: {} services in {cluster} can be deployed", wanted.len()));
    }
}

fn deployable(stage: &Stage, live: &LiveService, found: &mut Findings) {
    let (name, service) = (&stage.name, &live.name);
    if let Controller::Other(controller) = &live.controller {
        found.wrong(
            format!("{name}: {service} is deployed by {controller}, which Gantry does not do"),
            "give it ECS's own deployment controller, or take it out of gantry.toml",
        );
    }
    if live.definition.is_none() {
        found.wrong(format!("{name}: {service} has no task definition"), "give it one");
    }
    if live.desired_count == 0 {
        found.wrong(
            format!("{name}: {service} wants 0 tasks, so no deployment of it proves anything"),
            "let it want at least one, or take it out of gantry.toml",
        );
    }
    if !live.rolls_back {
        found.notable(
            format!("{name}: {service} has no circuit breaker with rollback"),
            "Gantry puts back what breaks all the same; with one, ECS gives a bad deployment up sooner",
        );
    }
}
