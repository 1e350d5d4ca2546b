//! An installed Gantry as an operator reaches it: with the credentials and the region of the environment, as any AWS tool.
//! What they may do is decided by IAM.

use std::future::Future;
use std::path::PathBuf;

use clap::Args;
use gantry_aws::{Caller, LocksTable, ReleasesTable, SdkConfig, SfnStart};
use gantry_config::Overrides;
use gantry_domain::names::StageName;
use gantry_domain::pipeline::{Pipeline, Stage};
use gantry_steps::ports::Clock;
use jiff::Timestamp;

use crate::failure::Failure;

/// Which installation.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The configuration that the stack was rendered from
    #[arg(long = "config", value_name = "FILE", default_value = "gantry.toml")]
    file: PathBuf,
}

/// Its tables and its release machine.
pub(crate) struct Installation {
    pub(crate) pipeline: Pipeline,
    pub(crate) aws: SdkConfig,
    pub(crate) caller: Caller,
    pub(crate) releases: ReleasesTable,
    pub(crate) locks: LocksTable,
    pub(crate) machine: String,
    pub(crate) start: SfnStart,
}

impl Which {
    pub(crate) async fn open(&self) -> Result<Installation, Failure> {
        let pipeline = gantry_config::load(&self.file, &Overrides::default())?.pipeline;
        let aws = gantry_aws::connect().await;
        let caller = Caller::ask(&aws).await?;
        let Caller { partition, region, account, .. } = &caller;
        let prefix = format!("gantry-{}", pipeline.name);
        let machine = format!("arn:{partition}:states:{region}:{account}:stateMachine:{prefix}-release");
        Ok(Installation {
            releases: ReleasesTable::new(&aws, format!("{prefix}-releases")),
            locks: LocksTable::new(&aws, format!("{prefix}-locks")),
            start: SfnStart::new(&aws, &machine),
            aws,
            pipeline,
            caller,
            machine,
        })
    }
}

impl Installation {
    /// The stage of that name.
    pub(crate) fn stage(&self, name: &str) -> Result<&Stage, Failure> {
        let found = StageName::new(name).ok().and_then(|name| self.pipeline.stage(&name));
        found.ok_or_else(|| {
            let known: Vec<&str> = self.pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
            Failure::Refused(format!("there is no stage {name:?}; the stages are {}", known.join(", ")))
        })
    }
}

/// The operator's own clock: the real one.
pub(crate) struct Now;

#[async_trait::async_trait]
impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, span: std::time::Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Runs a command that calls AWS.
pub(crate) fn run(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::Runtime)?.block_on(command)
}
