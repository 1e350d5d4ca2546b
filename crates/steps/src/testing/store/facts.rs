//! What passed, candidates and deliveries in memory.

use async_trait::async_trait;
use gantry_domain::candidate::{ImageFact, PushFact, WorkflowFact, WorkflowState};
use gantry_domain::names::{
    BranchName, CommitPrefix, CommitSha, ComponentName, PipelineName, ReleaseId, ServiceName, StageName,
};
use gantry_domain::verified::{BaselineEntry, VerifiedEntry};
use jiff::Timestamp;

use super::MemoryStore;
use crate::ports::PortError;
use crate::ports::store::{Candidates, Deliveries, NewNotice, Recorded, Verified};

#[async_trait]
impl Verified for MemoryStore {
    async fn record(
        &self,
        release: &ReleaseId,
        entries: &[VerifiedEntry],
        notice: &NewNotice,
    ) -> Result<Recorded, PortError> {
        self.faults.before("record_verified").await?;
        let recorded = {
            let mut state = self.state();
            let recorded = state.tell(release, notice);
            if recorded == Recorded::Now {
                state.verified.extend_from_slice(entries);
            }
            recorded
        };
        self.faults.after("record_verified")?;
        Ok(recorded)
    }

    async fn history(
        &self,
        stage: &StageName,
        component: &ComponentName,
        limit: u32,
    ) -> Result<Vec<VerifiedEntry>, PortError> {
        self.faults.before("history").await?;
        let state = self.state();
        let mine = |entry: &&VerifiedEntry| entry.stage == *stage && entry.component == *component;
        let mut rows: Vec<VerifiedEntry> = state.verified.iter().filter(mine).cloned().collect();
        rows.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.service.clone(), entry.release.clone())));
        rows.truncate(usize::try_from(limit).unwrap());
        Ok(rows)
    }

    async fn newest(
        &self,
        stage: &StageName,
        component: &ComponentName,
        service: &ServiceName,
    ) -> Result<Option<VerifiedEntry>, PortError> {
        let history = self.history(stage, component, u32::MAX).await?;
        Ok(history.into_iter().find(|entry| entry.service == *service && !entry.rolled_back))
    }

    async fn put_baseline(&self, entry: &BaselineEntry) -> Result<Recorded, PortError> {
        self.faults.before("put_baseline").await?;
        let mut state = self.state();
        let key = (entry.stage.clone(), entry.service.clone());
        if state.baselines.contains_key(&key) {
            return Ok(Recorded::Before);
        }
        state.baselines.insert(key, entry.clone());
        Ok(Recorded::Now)
    }

    async fn baseline(
        &self,
        stage: &StageName,
        service: &ServiceName,
    ) -> Result<Option<BaselineEntry>, PortError> {
        self.faults.before("baseline").await?;
        Ok(self.state().baselines.get(&(stage.clone(), service.clone())).cloned())
    }
}

/// One pipeline's facts: tests have no second one.
#[async_trait]
impl Candidates for MemoryStore {
    async fn put_push(&self, _: &PipelineName, push: &PushFact) -> Result<(), PortError> {
        self.faults.before("put_push").await?;
        let mut state = self.state();
        let same = |known: &PushFact| known.commit == push.commit && known.branch == push.branch;
        if !state.pushes.iter().any(same) {
            state.pushes.push(push.clone());
        }
        Ok(())
    }

    async fn put_image(&self, _: &PipelineName, image: &ImageFact) -> Result<(), PortError> {
        self.faults.before("put_image").await?;
        let mut state = self.state();
        let same =
            |known: &&mut ImageFact| known.commit == image.commit && known.component == image.component;
        match state.images.iter_mut().find(same) {
            None => state.images.push(image.clone()),
            Some(known) if (known.pushed_at, &known.digest) < (image.pushed_at, &image.digest) => {
                *known = image.clone();
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn put_workflow(&self, _: &PipelineName, workflow: &WorkflowFact) -> Result<(), PortError> {
        self.faults.before("put_workflow").await?;
        let mut state = self.state();
        let age = |fact: &WorkflowFact| (fact.run, fact.attempt, fact.state != WorkflowState::Running);
        let same = |known: &&mut WorkflowFact| known.commit == workflow.commit && known.path == workflow.path;
        match state.workflows.iter_mut().find(same) {
            None => state.workflows.push(workflow.clone()),
            Some(known) if age(known) <= age(workflow) => *known = workflow.clone(),
            Some(_) => {}
        }
        Ok(())
    }

    async fn pushes(&self, _: &PipelineName, commit: &CommitPrefix) -> Result<Vec<PushFact>, PortError> {
        self.faults.before("pushes").await?;
        let state = self.state();
        Ok(state.pushes.iter().filter(|push| push.commit.starts_with(commit)).cloned().collect())
    }

    async fn newest_push(
        &self,
        _: &PipelineName,
        branch: &BranchName,
    ) -> Result<Option<PushFact>, PortError> {
        self.faults.before("newest_push").await?;
        let state = self.state();
        Ok(state
            .pushes
            .iter()
            .filter(|push| push.branch == *branch)
            .max_by_key(|push| push.pushed_at)
            .cloned())
    }

    async fn images(&self, _: &PipelineName, commit: &CommitSha) -> Result<Vec<ImageFact>, PortError> {
        self.faults.before("images").await?;
        let state = self.state();
        Ok(state.images.iter().filter(|image| commit.starts_with(&image.commit)).cloned().collect())
    }

    async fn images_tagged(
        &self,
        _: &PipelineName,
        commit: &CommitPrefix,
    ) -> Result<Vec<ImageFact>, PortError> {
        self.faults.before("images_tagged").await?;
        let state = self.state();
        Ok(state.images.iter().filter(|image| image.commit == *commit).cloned().collect())
    }

    async fn workflows(&self, _: &PipelineName, commit: &CommitSha) -> Result<Vec<WorkflowFact>, PortError> {
        self.faults.before("workflows").await?;
        let state = self.state();
        Ok(state.workflows.iter().filter(|workflow| workflow.commit == *commit).cloned().collect())
    }
}

#[async_trait]
impl Deliveries for MemoryStore {
    async fn is_done(&self, delivery: &str) -> Result<bool, PortError> {
        self.faults.before("is_done").await?;
        Ok(self.state().deliveries.contains_key(delivery))
    }

    async fn done(&self, delivery: &str, until: Timestamp) -> Result<(), PortError> {
        self.faults.before("done").await?;
        self.state().deliveries.insert(delivery.to_owned(), until);
        self.faults.after("done")
    }
}
