//! Adapters for ports, as a function's settings say: the one place where the two meet.
//!
//! A function asks for what its step needs and for nothing else; what it may do in AWS follows from that.

use std::sync::Arc;

use gantry_aws::{
    ApprovalsTable, CloudWatchLogs, EcrRegistry, EcsStage, LocksTable, ReleasesTable, SdkConfig,
    SecretsManager, SfnExecutions, SfnStart, SfnTaskTokens, SqsDeadLetters, StageSessions,
};
use gantry_domain::pipeline::{Pipeline, Stage};
use gantry_integrations::github::{GitHubClient, GitHubTeller};
use gantry_integrations::http_probe::ReqwestProbe;
use gantry_integrations::monday::MondayTeller;
use gantry_integrations::slack::SlackClient;
use gantry_steps::ports::{Clock, DeadLetters, Vendor};
use gantry_steps::tell_vendors::TellVendors;

use crate::clock::WorldClock;
use crate::configuration;
use crate::diagnostic::SetupError;
use crate::mask::{Mask, MaskedLogs, MaskedSecrets};
use crate::settings::Settings;

/// Vendors that are told, and the stages they are told of.
pub struct Vendors {
    all: Vec<Box<dyn Vendor>>,
    stages: Vec<Stage>,
}

impl Vendors {
    /// The step that tells them, over these ports.
    pub fn tell<'a>(
        &'a self,
        releases: &'a ReleasesTable,
        dead_letters: &'a dyn DeadLetters,
        clock: &'a dyn Clock,
    ) -> TellVendors<'a> {
        TellVendors {
            vendors: self.all.iter().map(|vendor| &**vendor).collect(),
            stages: &self.stages,
            desks: releases,
            outbox: releases,
            releases,
            dead_letters,
            clock,
        }
    }
}

/// Builds adapters. Made once, at a function's cold start; nothing is called by it.
pub struct Wiring {
    settings: Settings,
    aws: SdkConfig,
    sessions: Arc<StageSessions>,
    secrets: Arc<MaskedSecrets<SecretsManager>>,
    mask: Mask,
}

impl Wiring {
    /// Sets AWS up from the environment.
    pub(crate) async fn load(settings: Settings, mask: Mask) -> Self {
        Self::on(gantry_aws::connect().await, settings, mask)
    }

    pub(crate) fn on(aws: SdkConfig, settings: Settings, mask: Mask) -> Self {
        let secrets = Arc::new(MaskedSecrets::new(SecretsManager::new(&aws), mask.clone()));
        Self { sessions: Arc::new(StageSessions::new(&aws)), settings, aws, secrets, mask }
    }

    /// The function's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The configuration that was deployed with the function.
    pub fn pipeline(&self) -> Result<Pipeline, SetupError> {
        Ok(configuration::load(&self.settings.task_root())?)
    }

    /// World time.
    pub fn clock(&self) -> Result<WorldClock, SetupError> {
        Ok(WorldClock::new(self.settings.scale()?))
    }

    /// The releases table: releases, logs, plans, candidates, deliveries and what was verified.
    pub fn releases(&self) -> Result<ReleasesTable, SetupError> {
        Ok(ReleasesTable::new(&self.aws, self.settings.releases_table()?))
    }

    /// The approvals table, to read.
    pub fn decisions(&self) -> Result<ApprovalsTable, SetupError> {
        Ok(ApprovalsTable::new(&self.aws, self.settings.approvals_table()?))
    }

    /// The approvals table, to ask and decide: with the log that tells of it.
    pub fn approvals(&self) -> Result<ApprovalsTable, SetupError> {
        Ok(self.decisions()?.with_releases(self.settings.releases_table()?))
    }

    /// The locks table.
    pub fn locks(&self) -> Result<LocksTable, SetupError> {
        Ok(LocksTable::new(&self.aws, self.settings.locks_table()?))
    }

    /// The locks table, to join queues too: with the log that tells of it.
    pub fn queues(&self) -> Result<LocksTable, SetupError> {
        Ok(self.locks()?.with_releases(self.settings.releases_table()?))
    }

    /// Waiting states.
    pub fn tokens(&self) -> SfnTaskTokens {
        SfnTaskTokens::new(&self.aws)
    }

    /// How executions are doing.
    pub fn executions(&self) -> SfnExecutions {
        SfnExecutions::new(&self.aws)
    }

    /// Starts releases.
    pub fn start(&self) -> Result<SfnStart, SetupError> {
        Ok(SfnStart::new(&self.aws, self.settings.release_machine()?))
    }

    /// The stages' services and tasks, to look at and to change.
    pub fn stage(&self) -> EcsStage {
        EcsStage::new(Arc::clone(&self.sessions))
    }

    /// What the stages' containers print, without what the mask knows.
    pub fn logs(&self) -> MaskedLogs<CloudWatchLogs> {
        MaskedLogs::new(CloudWatchLogs::new(Arc::clone(&self.sessions)), self.mask.clone())
    }

    /// The stages' registries.
    pub fn registry(&self) -> EcrRegistry {
        EcrRegistry::new(Arc::clone(&self.sessions))
    }

    /// Endpoints of checks.
    pub fn probe(&self) -> ReqwestProbe {
        ReqwestProbe::default()
    }

    /// Secrets; what is read becomes known to the mask.
    pub fn secrets(&self) -> Arc<MaskedSecrets<SecretsManager>> {
        Arc::clone(&self.secrets)
    }

    /// The pipeline's channel in Slack.
    pub fn chat(&self) -> Result<SlackClient, SetupError> {
        let settings = self.settings.slack(self.pipeline()?.slack.channel)?;
        Ok(SlackClient::new(settings, self.secrets())?)
    }

    /// Vendors that are told how releases stand, as far as the configuration names them.
    pub fn vendors(&self) -> Result<Vendors, SetupError> {
        let pipeline = self.pipeline()?;
        let http = |error: gantry_integrations::HttpError| SetupError::Http(error.into());
        let mut all: Vec<Box<dyn Vendor>> = Vec::new();
        if pipeline.github.is_some() {
            let teller = GitHubTeller::new(self.settings.github_teller()?, self.secrets(), &pipeline);
            all.extend(teller.map_err(http)?.map(|teller| Box::new(teller) as _));
        }
        if pipeline.monday.is_some() {
            let teller = MondayTeller::new(self.settings.monday_teller()?, self.secrets(), &pipeline);
            all.extend(teller.map_err(http)?.map(|teller| Box::new(teller) as _));
        }
        Ok(Vendors { all, stages: pipeline.stages })
    }

    /// GitHub's compare API.
    pub fn compare(&self) -> Result<GitHubClient, SetupError> {
        let client = GitHubClient::new(self.settings.github()?, self.secrets());
        client.map_err(|error| SetupError::Http(error.into()))
    }

    /// The queue for what was not understood.
    pub fn dead_letters(&self) -> Result<SqsDeadLetters, SetupError> {
        Ok(SqsDeadLetters::new(&self.aws, self.settings.dead_letter_queue()?))
    }
}
