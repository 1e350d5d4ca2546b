//! GitHub as somebody who is told: a status on the commit for each stage, and a deployment to the environment of its name.
//!
//! A deployment is found by its commit, its environment and the release in its payload before one is created. What may have
//! been written before is looked at before it is written again, because neither has an idempotency key.

use std::sync::Arc;

use async_trait::async_trait;
use gantry_domain::course::{StageCourse, Standing, Start};
use gantry_domain::names::{CommitSha, PipelineName, ReleaseId, StageName};
use gantry_domain::pipeline::Pipeline;
use gantry_steps::ports::{Bulletin, Secrets, Vendor, VendorError, VendorName};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::rest::Rest;
use crate::{links, outgoing, text};

/// GitHub takes this much of a description.
const DESCRIPTION: usize = 140;

/// Where GitHub is, and how to be let in.
#[derive(Debug, Clone)]
pub struct GitHubTellerSettings {
    /// The REST API without a slash at its end.
    pub api: String,
    /// The ARN of the secret of a token that may write statuses and deployments.
    pub token: String,
}

/// Tells GitHub.
pub struct GitHubTeller {
    http: Client,
    settings: GitHubTellerSettings,
    secrets: Arc<dyn Secrets>,
    pipeline: PipelineName,
    /// `/repos/{owner}/{name}`.
    repository: String,
    statuses: bool,
    deployments: bool,
    last_stage: Option<StageName>,
}

/// A status as GitHub lists it; of a deployment, without a context.
#[derive(Debug, Deserialize)]
struct Status {
    state: String,
    description: Option<String>,
    context: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Deployment {
    id: u64,
    /// An object, or the text that was sent.
    payload: Value,
}

#[derive(Deserialize)]
struct Written {}

/// What is to be shown of one stage.
struct Shown<'a> {
    release: &'a ReleaseId,
    commit: &'a CommitSha,
    stage: &'a StageName,
    status: &'static str,
    /// `None`: nothing changes about it.
    deployment: Option<Deployed>,
    description: String,
    link: Option<String>,
    again: bool,
}

/// What becomes of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Deployed {
    state: &'static str,
    /// Is one created where there is none?
    create: bool,
    /// Is it about the deployments of every release of the commit?
    of_commit: bool,
}

impl GitHubTeller {
    /// Tells GitHub of this pipeline. `None`: it is configured to be told nothing.
    pub fn new(
        settings: GitHubTellerSettings,
        secrets: Arc<dyn Secrets>,
        pipeline: &Pipeline,
    ) -> Result<Option<Self>, reqwest::Error> {
        let Some(told) = &pipeline.github else { return Ok(None) };
        Ok(Some(Self {
            http: outgoing::client()?,
            settings,
            secrets,
            pipeline: pipeline.name.clone(),
            repository: format!("/repos/{}", pipeline.source.repository),
            statuses: told.statuses,
            deployments: told.deployments,
            last_stage: pipeline.stages.last().map(|stage| stage.name.clone()),
        }))
    }

    fn rest(&self) -> Rest<'_> {
        let GitHubTellerSettings { api, token } = &self.settings;
        Rest { http: &self.http, api, token, secrets: &*self.secrets }
    }

    /// Names the stage on the commit, apart from other pipelines of the repository.
    fn context(&self, stage: &StageName) -> String {
        format!("gantry/{}/{stage}", self.pipeline)
    }

    async fn show(&self, shown: &Shown<'_>) -> Result<(), VendorError> {
        if self.statuses {
            self.show_status(shown).await?;
        }
        match shown.deployment {
            Some(deployed) if self.deployments => self.show_deployment(shown, deployed).await,
            _ => Ok(()),
        }
    }

    async fn show_status(&self, shown: &Shown<'_>) -> Result<(), VendorError> {
        let context = self.context(shown.stage);
        if shown.again {
            let path = format!("{}/commits/{}/statuses?per_page=100", self.repository, shown.commit);
            let statuses: Vec<Status> = self.rest().get("github:list commit statuses", &path).await?;
            let newest = statuses.iter().find(|status| status.context.as_deref() == Some(&context));
            if newest.is_some_and(|status| status.says(shown.status, &shown.description)) {
                return Ok(());
            }
        }
        let mut body = json!({"state": shown.status, "context": context, "description": shown.description});
        if let Some(link) = &shown.link {
            body["target_url"] = json!(link);
        }
        let path = format!("{}/statuses/{}", self.repository, shown.commit);
        self.rest().post::<Written>("github:create commit status", &path, &body).await.map(drop)
    }

    async fn show_deployment(&self, shown: &Shown<'_>, deployed: Deployed) -> Result<(), VendorError> {
        let found = self.find_deployment(shown, deployed).await?;
        let (id, is_new) = match found {
            Some(id) => (id, false),
            None if deployed.create => (self.create_deployment(shown).await?, true),
            // It was turned away before there was one.
            None => return Ok(()),
        };
        let path = format!("{}/deployments/{id}/statuses", self.repository);
        if shown.again && !is_new {
            let listed = format!("{path}?per_page=1");
            let statuses: Vec<Status> = self.rest().get("github:list deployment statuses", &listed).await?;
            if statuses.first().is_some_and(|status| status.says(deployed.state, &shown.description)) {
                return Ok(());
            }
        }
        let mut body = json!({"state": deployed.state, "description": shown.description});
        if let Some(link) = &shown.link {
            body["log_url"] = json!(link);
        }
        self.rest().post::<Written>("github:create deployment status", &path, &body).await.map(drop)
    }

    /// The newest deployment of the release (or of any release of the commit) to the stage.
    async fn find_deployment(
        &self,
        shown: &Shown<'_>,
        deployed: Deployed,
    ) -> Result<Option<u64>, VendorError> {
        let path = format!(
            "{}/deployments?sha={}&environment={}&per_page=100",
            self.repository, shown.commit, shown.stage
        );
        let deployments: Vec<Deployment> = self.rest().get("github:list deployments", &path).await?;
        let ours = |deployment: &&Deployment| {
            let release = deployment.release();
            if deployed.of_commit {
                release.is_some()
            } else {
                release.as_deref() == Some(shown.release.as_str())
            }
        };
        Ok(deployments.iter().find(ours).map(|deployment| deployment.id))
    }

    async fn create_deployment(&self, shown: &Shown<'_>) -> Result<u64, VendorError> {
        let body = json!({
            "ref": shown.commit,
            "environment": shown.stage,
            "description": format!("Release {}", shown.release),
            "payload": {"gantry": {"pipeline": self.pipeline, "release": shown.release}},
            "production_environment": self.last_stage.as_ref() == Some(shown.stage),
            "transient_environment": false,
            // What is deployed was decided already: GitHub is to merge nothing and to wait for nothing.
            "auto_merge": false,
            "required_contexts": [],
        });
        let path = format!("{}/deployments", self.repository);
        let created: Deployment = self.rest().post("github:create deployment", &path, &body).await?;
        Ok(created.id)
    }
}

impl Status {
    fn says(&self, state: &str, description: &str) -> bool {
        self.state == state && self.description.as_deref() == Some(description)
    }
}

impl Deployment {
    /// The release that it was created for, if Gantry did.
    fn release(&self) -> Option<String> {
        let text =
            |payload: &Value| payload.pointer("/gantry/release").and_then(Value::as_str).map(str::to_owned);
        match &self.payload {
            Value::String(payload) => text(&serde_json::from_str(payload).ok()?),
            payload => text(payload),
        }
    }
}

#[async_trait]
impl Vendor for GitHubTeller {
    fn name(&self) -> VendorName {
        VendorName::GitHub
    }

    async fn tell(&self, bulletin: &Bulletin<'_>) -> Result<(), VendorError> {
        // Without a start there was no release, and there is no commit to show it on.
        let Some(start) = bulletin.now.start else { return Ok(()) };
        let link = bulletin.execution.map(links::execution);
        for course in &bulletin.now.stages {
            let before = bulletin.before.stage(course.stage).and_then(|before| before.standing);
            let Some(standing) = course.standing.filter(|standing| Some(*standing) != before) else {
                continue;
            };
            let shown = Shown {
                release: bulletin.release,
                commit: start.commit,
                stage: course.stage,
                status: state(standing),
                deployment: deployed(standing, course, &start),
                description: description(standing, &start),
                link: link.clone(),
                again: bulletin.again,
            };
            self.show(&shown).await?;
        }
        Ok(())
    }
}

/// A commit status has no word for "not wanted": whatever did not go all the way did not succeed.
fn state(standing: Standing<'_>) -> &'static str {
    match standing {
        Standing::Asked | Standing::UnderWay => "pending",
        Standing::Verified => "success",
        Standing::Declined(_) | Standing::RolledBack(_) | Standing::FailedClean(_) => "failure",
        Standing::FailedDirty(_) => "error",
    }
}

fn deployed(standing: Standing<'_>, course: &StageCourse<'_>, start: &Start<'_>) -> Option<Deployed> {
    let of = |state, create| Some(Deployed { state, create, of_commit: false });
    if start.undoes.is_some() {
        // It deploys nothing of its own; once it is done, what it undid is what no longer runs.
        return match standing {
            Standing::RolledBack(_) => Some(Deployed { state: "inactive", create: false, of_commit: true }),
            _ => None,
        };
    }
    match standing {
        Standing::Asked => None,
        Standing::UnderWay => of("in_progress", true),
        Standing::Verified => of("success", true),
        Standing::Declined(_) => of("inactive", false),
        Standing::RolledBack(_) | Standing::FailedClean(_) => of("failure", course.has_begun),
        Standing::FailedDirty(_) => of("error", course.has_begun),
    }
}

fn description(standing: Standing<'_>, start: &Start<'_>) -> String {
    let because = |what: &str, why: &str| format!("{what}: {}", text::line(why, DESCRIPTION));
    let words = match standing {
        Standing::Asked => "People are asked to decide".to_owned(),
        Standing::UnderWay if start.undoes.is_some() => "Being rolled back: a person asked for it".to_owned(),
        Standing::UnderWay => "Under way".to_owned(),
        Standing::Verified => "Runs, verified".to_owned(),
        Standing::Declined(why) => because("Declined", why),
        Standing::RolledBack(why) => because("Rolled back", why),
        Standing::FailedClean(why) => because("Failed, nothing was changed", why),
        Standing::FailedDirty(why) => because("Failed, needs a person", why),
    };
    text::line(&words, DESCRIPTION)
}

#[cfg(test)]
mod tests;
