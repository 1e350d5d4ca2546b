//! An image was pushed to ECR: keeps the fact, and starts the commit's release if that was the last thing missing.
//!
//! It does not ask the registry: what the event says is enough to start, and the release proves the digest before use.

use gantry_domain::candidate::ImageFact;
use gantry_domain::image_event::{EcrImageAction, ImageEvent, classify};
use gantry_domain::names::{AccountId, Region};
use jiff::Timestamp;
use serde::Deserialize;

use crate::intake::{Intake, Looked};
use crate::ports::PortError;

/// The EventBridge event of an ECR push. Fields not named here are let pass.
#[derive(Debug, Clone, Deserialize)]
pub struct EcrIntakeInput {
    /// The account the event came from.
    pub account: AccountId,
    /// The region the event came from.
    pub region: Region,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub detail: EcrImageAction,
}

/// What became of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EcrIntakeOutput {
    /// It was not about an image to deploy.
    NotDeployable(&'static str),
    /// Its image was kept.
    Kept(Looked),
}

/// The ports of this step.
pub struct EcrIntake<'a> {
    /// Facts and starts.
    pub intake: Intake<'a>,
}

impl EcrIntake<'_> {
    /// Takes one event in. Any number of repetitions, in any order, end in the same.
    pub async fn run(&self, input: EcrIntakeInput) -> Result<EcrIntakeOutput, PortError> {
        let pipeline = self.intake.pipeline;
        let image = match classify(pipeline, &input.account, &input.region, &input.detail) {
            ImageEvent::Ignored(why) => return Ok(EcrIntakeOutput::NotDeployable(why)),
            ImageEvent::Deployable(image) => image,
        };
        let fact = ImageFact {
            commit: image.commit,
            component: image.component,
            repository: image.repository,
            digest: image.digest,
            tag: image.tag,
            pushed_at: input.time,
        };
        self.intake.candidates.put_image(&pipeline.name, &fact).await?;
        self.intake.look_at_prefix(&fact.commit).await.map(EcrIntakeOutput::Kept)
    }
}
