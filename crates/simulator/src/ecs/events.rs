//! What ECS tells the event bus: task state changes, deployment state changes, service actions.
//!
//! Only task events carry a version; the others must be checked against the present state by whoever hears them.

use serde_json::{Value, json};

use super::answers::{self, Stamp};
use super::model::{RolloutState, ServiceKey, World};
use crate::aws::BusEvent;

impl World {
    pub(crate) fn announce_task(&mut self, serial: u64) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let mut detail = answers::task(self, task, Stamp::Iso);
        if let Some(members) = detail.as_object_mut() {
            members.insert("updatedAt".into(), Stamp::Iso.value(task.times.updated));
            members.remove("tags");
            members.remove("healthStatus");
        }
        let arn = self.place.task(&task.cluster, &task.id);
        self.announce("ECS Task State Change", arn, detail);
    }

    pub(crate) fn announce_deployment(&mut self, key: &ServiceKey, rollout: usize) {
        let Some(rollout) = self.services.get(key).and_then(|service| service.rollouts.get(rollout)) else {
            return;
        };
        let (kind, name) = match rollout.state {
            RolloutState::InProgress => ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
            RolloutState::Completed => ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
            RolloutState::Failed => ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
        };
        let detail = json!({
            "eventType": kind,
            "eventName": name,
            "deploymentId": rollout.id,
            "updatedAt": Stamp::Iso.value(self.now),
            "reason": rollout.reason,
        });
        let arn = self.place.service(&key.0, &key.1);
        self.announce("ECS Deployment State Change", arn, detail);
    }

    pub(crate) fn announce_service(
        &mut self,
        key: &ServiceKey,
        kind: &str,
        name: &str,
        reason: Option<&str>,
    ) {
        let mut detail = json!({
            "eventType": kind,
            "eventName": name,
            "clusterArn": self.place.cluster(&key.0),
            "createdAt": Stamp::Iso.value(self.now),
        });
        if let (Some(reason), Some(members)) = (reason, detail.as_object_mut()) {
            members.insert("reason".into(), reason.into());
        }
        let arn = self.place.service(&key.0, &key.1);
        self.announce("ECS Service Action", arn, detail);
    }

    fn announce(&mut self, detail_type: &str, resource: String, detail: Value) {
        self.outbox.push(BusEvent {
            source: "aws.ecs".into(),
            detail_type: detail_type.into(),
            resources: vec![resource],
            detail,
        });
    }
}
