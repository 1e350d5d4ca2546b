//! Facts about commits: `push#<pipeline>` `<sha>#<branch>`, `head#<pipeline>` `<branch>` (its newest push), `image#<pipeline>` `<commit as tagged>#<component>` and
//! `workflow#<pipeline>` `<sha>#<path>`, each with its fact in body.

use async_trait::async_trait;
use gantry_domain::candidate::{ImageFact, PushFact, WorkflowFact, WorkflowState};
use gantry_domain::names::{BranchName, CommitPrefix, CommitSha, PipelineName};
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::Candidates;
use serde::de::DeserializeOwned;

use super::call::{ABSENT, Expression};
use super::item::{Key, Row, n, s, time, to_json};
use super::releases::ReleasesTable;

#[async_trait]
impl Candidates for ReleasesTable {
    async fn put_push(&self, pipeline: &PipelineName, push: &PushFact) -> Result<(), PortError> {
        let key = Key::new(format!("push#{pipeline}"), format!("{}#{}", push.commit, push.branch));
        let row = key.row([("body", to_json(push)?)]);
        if self.table().put(row, &Expression::when(ABSENT)).await? {
            return self.put_head(pipeline, push).await;
        }
        // An earlier call wrote the push, and may have died before it wrote the head.
        match self.table().get(&key).await? {
            Some(first) => self.put_head(pipeline, &Row(&first).json("body")?).await,
            None => Ok(()),
        }
    }

    async fn put_image(&self, pipeline: &PipelineName, image: &ImageFact) -> Result<(), PortError> {
        let key = Key::new(format!("image#{pipeline}"), format!("{}#{}", image.commit, image.component));
        let row = key.row([
            ("body", to_json(image)?),
            ("pushedAt", s(time(image.pushed_at))),
            ("digest", s(&image.digest)),
        ]);
        let newer = Expression::when(ABSENT)
            .or_when("#pushedAt < :pushedAt OR (#pushedAt = :pushedAt AND #digest < :digest)")
            .with("pushedAt", s(time(image.pushed_at)))
            .with("digest", s(&image.digest));
        self.table().put(row, &newer).await.map(drop)
    }

    async fn put_workflow(&self, pipeline: &PipelineName, workflow: &WorkflowFact) -> Result<(), PortError> {
        let key = Key::new(format!("workflow#{pipeline}"), format!("{}#{}", workflow.commit, workflow.path));
        let finished = u8::from(workflow.state != WorkflowState::Running);
        let row = key.row([
            ("body", to_json(workflow)?),
            ("run", n(workflow.run)),
            ("attempt", n(workflow.attempt)),
            ("finished", n(finished)),
        ]);
        let newer = Expression::when(ABSENT)
            .or_when("#run < :run OR (#run = :run AND #attempt < :attempt)")
            .or_when("#run = :run AND #attempt = :attempt AND #finished <= :finished")
            .with("run", n(workflow.run))
            .with("attempt", n(workflow.attempt))
            .with("finished", n(finished));
        self.table().put(row, &newer).await.map(drop)
    }

    async fn pushes(
        &self,
        pipeline: &PipelineName,
        commit: &CommitPrefix,
    ) -> Result<Vec<PushFact>, PortError> {
        self.facts(&format!("push#{pipeline}"), commit.as_str()).await
    }

    async fn newest_push(
        &self,
        pipeline: &PipelineName,
        branch: &BranchName,
    ) -> Result<Option<PushFact>, PortError> {
        let row = self.table().get(&head(pipeline, branch)).await?;
        row.map(|item| Row(&item).json("body")).transpose()
    }

    async fn images(&self, pipeline: &PipelineName, commit: &CommitSha) -> Result<Vec<ImageFact>, PortError> {
        // A tag names at least 7 digits, so the images of a commit begin like it and few others do.
        let mut images: Vec<ImageFact> = self.facts(&format!("image#{pipeline}"), commit.short()).await?;
        images.retain(|image| commit.starts_with(&image.commit));
        Ok(images)
    }

    async fn images_tagged(
        &self,
        pipeline: &PipelineName,
        commit: &CommitPrefix,
    ) -> Result<Vec<ImageFact>, PortError> {
        self.facts(&format!("image#{pipeline}"), &format!("{commit}#")).await
    }

    async fn workflows(
        &self,
        pipeline: &PipelineName,
        commit: &CommitSha,
    ) -> Result<Vec<WorkflowFact>, PortError> {
        self.facts(&format!("workflow#{pipeline}"), &format!("{commit}#")).await
    }
}

fn head(pipeline: &PipelineName, branch: &BranchName) -> Key {
    Key::new(format!("head#{pipeline}"), branch.to_string())
}

impl ReleasesTable {
    async fn put_head(&self, pipeline: &PipelineName, push: &PushFact) -> Result<(), PortError> {
        let row = head(pipeline, &push.branch)
            .row([("body", to_json(push)?), ("pushedAt", s(time(push.pushed_at)))]);
        let newer = Expression::when(ABSENT)
            .or_when("#pushedAt < :pushedAt")
            .with("pushedAt", s(time(push.pushed_at)));
        self.table().put(row, &newer).await.map(drop)
    }

    async fn facts<T: DeserializeOwned>(&self, pk: &str, begins: &str) -> Result<Vec<T>, PortError> {
        let rows = self.table().all(pk, begins).await?;
        rows.iter().map(|item| Row(item).json("body")).collect()
    }
}
