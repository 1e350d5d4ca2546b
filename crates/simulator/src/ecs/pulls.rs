//! Pulling images: which reference a task pulls, what the registry answers, and what is known of the task from then on.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::model::{Owner, Step, World};
use super::words::Refusal;
use super::world::later;
use crate::images::ImageFacts;

impl World {
    /// The images are pulled, or cannot be.
    pub(crate) fn pulled(&mut self, serial: u64) {
        let now = self.now;
        let Some(task) = self.tasks.get(&serial) else { return };
        let facts: Vec<Option<ImageFacts>> =
            task.containers.iter().map(|container| self.resolve(&container.pull)).collect();
        if let Some(index) = facts.iter().position(Option::is_none) {
            return self.cannot_start(serial, index, Refusal::NotFound);
        }
        let facts: Vec<ImageFacts> = facts.into_iter().flatten().collect();
        let life = self.life_of(task, &facts);
        if let Some((index, refusal)) = life.refusal.filter(|(_, refusal)| !refusal.after_pull()) {
            return self.cannot_start(serial, index, refusal);
        }
        if let Owner::Service { name, rollout, .. } = &task.owner {
            let key = (task.cluster.clone(), name.clone());
            let names = task.containers.iter().map(|container| container.spec.name.clone());
            let digests = names.zip(facts.iter().map(|facts| facts.digest.clone())).collect();
            self.pin(&key, *rollout, digests);
        }
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        for (container, facts) in task.containers.iter_mut().zip(&facts) {
            container.digest = Some(facts.digest.clone());
        }
        task.times.pull_stopped = Some(now);
        let next = if life.refusal.is_some() { Step::Refuse } else { Step::Start };
        task.agenda.push((later(now, life.start), next));
        task.life = Some(life);
    }

    /// Images of other registries are taken to be there: only ours is simulated.
    pub(crate) fn resolve(&self, reference: &str) -> Option<ImageFacts> {
        let ours = format!("{}.dkr.ecr.{}.amazonaws.com/", self.place.account, self.place.region);
        if reference.starts_with(&ours) {
            return self.catalog.resolve(reference);
        }
        let digest = match reference.split_once('@') {
            Some((_, digest)) => digest.to_owned(),
            None => format!("sha256:{}", hex::encode(Sha256::digest(reference))),
        };
        Some(ImageFacts { digest, labels: BTreeMap::new() })
    }
}

/// The reference to pull: by digest where the service revision knows it.
pub(crate) fn pinned(image: &str, digest: Option<&String>) -> String {
    match digest {
        Some(digest) if !image.contains('@') => format!("{}@{digest}", repository(image)),
        _ => image.to_owned(),
    }
}

/// An image reference without its tag.
fn repository(image: &str) -> &str {
    match image.rfind(':') {
        Some(colon) if !image.get(colon..).is_some_and(|rest| rest.contains('/')) => {
            image.get(..colon).unwrap_or(image)
        }
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gives_way_to_the_digest_but_a_port_is_no_tag() {
        let digest = "sha256:aa".to_owned();
        assert_eq!(pinned("host:5000/web:1", Some(&digest)), "host:5000/web@sha256:aa");
        assert_eq!(pinned("host:5000/web", Some(&digest)), "host:5000/web@sha256:aa");
        assert_eq!(pinned("host/web@sha256:bb", Some(&digest)), "host/web@sha256:bb");
        assert_eq!(pinned("host/web:1", None), "host/web:1");
    }
}
