use std::collections::BTreeMap;

use super::super::tests::{deployment, digest, exchange, labels, release, service, world};
use super::super::{Plan, PlanKind, TaskPurpose, build};
use super::*;
use crate::ecs::DeploymentStatus;

/// Every service goes back to what the world runs: revision 12 with digest `a`.
fn targets(world: &ObservedStage) -> BTreeMap<ServiceName, Target> {
    world
        .services
        .iter()
        .map(|seen| {
            let running = seen.running.as_ref().unwrap();
            let target = Target {
                task_definition: running.arn.clone(),
                digest: digest('a'),
                release: None,
                commit: None,
            };
            (seen.service.name.clone(), target)
        })
        .collect()
}

fn definitions(world: &ObservedStage) -> BTreeMap<TaskDefinitionArn, TaskDefinition> {
    world
        .services
        .iter()
        .filter_map(|seen| seen.running.clone())
        .map(|found| (found.arn.clone(), found))
        .collect()
}

/// The services' newest deployments bring digest `b` as revision 13.
fn deployed(world: &mut ObservedStage, names: &[&str]) {
    for name in names {
        let seen = service(world, name);
        let bad = seen.running.as_ref().unwrap().arn.as_str().replace(":12", ":13");
        let bad = TaskDefinitionArn::new(bad).unwrap();
        seen.service.task_definition = Some(bad);
        seen.images[0].digest = Some(digest('b'));
        seen.images[0].image = seen.images[0].image.replace(digest('a').as_str(), digest('b').as_str());
    }
}

struct Case {
    pipeline: Pipeline,
    before: ObservedStage,
    now: ObservedStage,
    failed: Plan,
}

impl Case {
    fn new(names: &[&str]) -> Self {
        let pipeline = exchange();
        let before = world(&pipeline);
        let failed = build(&pipeline, &pipeline.stages[0], &release(&pipeline), &before).unwrap();
        let mut now = before.clone();
        deployed(&mut now, names);
        Self { pipeline, before, now, failed }
    }

    fn step(&self, label: &str) -> Option<u32> {
        let index = labels(&self.failed).iter().position(|one| one == label).unwrap();
        Some(u32::try_from(index).unwrap())
    }

    fn reached(&self) -> Vec<String> {
        let begun = begun_waves(&self.failed.terms, None);
        let waves = reached(&self.failed, &self.now, begun).into_iter();
        waves.flat_map(|wave| wave.services).map(|service| service.to_string()).collect()
    }

    fn back(&self, failed_step: Option<u32>) -> Result<Plan, PlanError> {
        self.back_to(failed_step, &targets(&self.before), &definitions(&self.before))
    }

    fn back_to(
        &self,
        failed_step: Option<u32>,
        targets: &BTreeMap<ServiceName, Target>,
        definitions: &BTreeMap<TaskDefinitionArn, TaskDefinition>,
    ) -> Result<Plan, PlanError> {
        let wanted = Rollback {
            pipeline: &self.pipeline,
            stage: &self.pipeline.stages[0],
            release: &self.failed.terms.release,
            changed: &begun_waves(&self.failed.terms, failed_step),
            targets,
            definitions,
        };
        rollback(&wanted, &self.now)
    }
}

#[test]
fn t21_what_was_changed_goes_back_in_reverse_and_nothing_else_does() {
    let case = Case::new(&["web", "sidekiq", "clockwork"]);
    let plan = case.back(case.step("backend: clockwork")).unwrap();
    assert_eq!(labels(&plan), ["backend: clockwork", "backend: sidekiq", "backend: web"]);
    assert_eq!(plan.terms.services.len(), 3, "what was never reached is no part of it");
    assert_eq!(plan.terms.kind, PlanKind::Rollback);
    let web = plan.terms.service(&"web".parse().unwrap()).unwrap();
    assert_eq!((web.digest.clone(), web.base.as_str().ends_with("web:12")), (digest('a'), true));
}

#[test]
fn a_rollout_that_nobody_heard_of_again_is_undone_as_far_as_it_may_have_come() {
    let case = Case::new(&["web"]);
    let plan = case.back(None).unwrap();
    assert_eq!(labels(&plan), ["backend: web"], "services that run their target stay");
    assert_eq!(plan.terms.services.len(), 6);
}

#[test]
fn what_a_plan_never_came_to_is_not_its_to_replace() {
    let mut case = Case::new(&["web"]);
    assert_eq!(case.reached(), ["web"]);
    // The same task definition deployed once more: by whom, nobody can tell.
    let sidekiq = ServiceName::new("sidekiq").unwrap();
    let mut again = deployment(&sidekiq, DeploymentStatus::Successful);
    again.arn = format!("{}-again", again.arn).parse().unwrap();
    service(&mut case.now, "sidekiq").deployments.insert(0, again);
    assert_eq!(case.reached(), ["web", "sidekiq"]);
    // Written a moment ago: ECS does not list the deployment yet.
    let clockwork = service(&mut case.now, "clockwork");
    clockwork.service.task_definition =
        Some("arn:aws:ecs:us-west-2:111122223333:task-definition/clockwork:13".parse().unwrap());
    assert_eq!(case.reached(), ["web", "sidekiq", "clockwork"]);
    // What is not seen at all is not left out in silence.
    case.now.services.retain(|seen| seen.service.name.as_str() != "kafka-consumer");
    assert_eq!(case.reached(), ["web", "sidekiq", "clockwork", "kafka-consumer"]);
}

#[test]
fn a_service_that_ecs_took_back_is_left_alone() {
    let mut case = Case::new(&["web", "sidekiq"]);
    let taken_back =
        case.before.services.iter().find(|seen| seen.service.name.as_str() == "sidekiq").unwrap();
    *service(&mut case.now, "sidekiq") = taken_back.clone();
    let sidekiq = ServiceName::new("sidekiq").unwrap();
    service(&mut case.now, "sidekiq")
        .deployments
        .insert(0, deployment(&sidekiq, DeploymentStatus::RollbackSuccessful));
    let plan = case.back(case.step("backend: sidekiq")).unwrap();
    assert_eq!(labels(&plan), ["backend: web"]);
    assert_eq!(plan.terms.service(&sidekiq).unwrap().change, Change::NoChange);
}

#[test]
fn a_service_that_ecs_is_taking_back_is_waited_for() {
    let mut case = Case::new(&[]);
    let web = ServiceName::new("web").unwrap();
    service(&mut case.now, "web")
        .deployments
        .insert(0, deployment(&web, DeploymentStatus::RollbackInProgress));
    let plan = case.back(case.step("backend: web")).unwrap();
    assert_eq!(labels(&plan), ["backend: web"]);
}

#[test]
fn deployments_under_way_and_services_scaled_to_nothing_are_no_obstacle() {
    let mut case = Case::new(&["web"]);
    let web = service(&mut case.now, "web");
    let name = web.service.name.clone();
    web.deployments.insert(0, deployment(&name, DeploymentStatus::InProgress));
    web.service.rollout_state = Some("IN_PROGRESS".to_owned());
    web.service.desired_count = 0;
    assert_eq!(labels(&case.back(case.step("backend: web")).unwrap()), ["backend: web"]);
}

#[test]
fn t19_what_has_nothing_to_go_back_to_is_refused_with_all_reasons() {
    let case = Case::new(&["web", "sidekiq"]);
    let mut targets = targets(&case.before);
    targets.remove(&ServiceName::new("web").unwrap());
    let mut definitions = definitions(&case.before);
    definitions.retain(|arn, _| !arn.as_str().contains("sidekiq"));
    let refused = case.back_to(case.step("backend: sidekiq"), &targets, &definitions).unwrap_err();
    let words = refused.to_string();
    assert!(words.contains("web has nothing to go back to"), "{words}");
    assert!(words.contains("sidekiq:12, which cannot be read any more"), "{words}");
}

#[test]
fn fields_that_would_be_lost_stand_in_the_way_only_of_a_new_registration() {
    let case = Case::new(&["web"]);
    let mut known = definitions(&case.before);
    for found in known.values_mut() {
        found.unknown = vec!["sandbox".to_owned()];
    }
    let step = case.step("backend: web");
    assert!(case.back_to(step, &targets(&case.before), &known).is_ok(), "it is used as it is");
    let mut other = targets(&case.before);
    other.get_mut(&ServiceName::new("web").unwrap()).unwrap().digest = digest('c');
    let refused = case.back_to(step, &other, &known).unwrap_err().to_string();
    assert!(refused.contains("sandbox"), "{refused}");
}

#[test]
fn a_breaking_migration_counts_from_the_moment_it_may_have_begun() {
    let mut case = Case::new(&[]);
    let (backup, migration) = (case.step("backend: backup backup"), case.step("backend: migration migrate"));
    assert_eq!(broke(&case.failed.terms, None), None, "none is declared");
    for step in &mut case.failed.terms.steps {
        if let PlanStep::Task(task) = step {
            task.breaking = task.purpose == TaskPurpose::Migration;
        }
    }
    assert_eq!(broke(&case.failed.terms, backup), None);
    for step in [migration, case.step("backend: web"), None] {
        assert_eq!(broke(&case.failed.terms, step).map(StepName::as_str), Some("migrate"));
    }
}

#[test]
fn plans_of_releases_keep_the_hash_they_had_before_there_were_rollbacks() {
    let case = Case::new(&[]);
    let written = serde_json::to_string(&case.failed.terms).unwrap();
    assert!(!written.contains("\"kind\":\"release\"") && !written.contains("breaking"), "{written}");
    let back = case.back(None).unwrap();
    assert!(serde_json::to_string(&back.terms).unwrap().contains("\"kind\":\"rollback\""));
}

#[test]
fn a_service_that_runs_nothing_is_not_back() {
    let mut case = Case::new(&[]);
    service(&mut case.now, "web").service.running_count = 0;
    assert_eq!(labels(&case.back(case.step("backend: web")).unwrap()), ["backend: web"]);
}

#[test]
fn a_service_is_back_only_when_ecs_tells_that_the_digest_runs_and_no_other() {
    let step = |case: &Case| case.step("backend: web");
    let mut untold = Case::new(&[]);
    service(&mut untold.now, "web").images.clear();
    assert_eq!(labels(&untold.back(step(&untold)).unwrap()), ["backend: web"], "no image is told");

    let mut mixed = Case::new(&[]);
    let web = service(&mut mixed.now, "web");
    let mut other = web.images[0].clone();
    other.image = other.image.replace(digest('a').as_str(), digest('b').as_str());
    other.digest = Some(digest('b'));
    web.images.push(other);
    assert_eq!(labels(&mixed.back(step(&mixed)).unwrap()), ["backend: web"], "a task of another still runs");

    let right = Case::new(&[]);
    assert!(labels(&right.back(step(&right)).unwrap()).is_empty(), "nothing to do");
}

#[test]
fn the_waves_of_components_come_in_the_order_they_are_deployed() {
    let names = ["engine", "backend"].map(|name| name.parse().unwrap());
    let waves: Vec<String> = waves_of(&exchange(), &names)
        .iter()
        .map(|wave| {
            let services: Vec<&str> = wave.services.iter().map(ServiceName::as_str).collect();
            format!("{}: {}", wave.component, services.join(" "))
        })
        .collect();
    assert_eq!(
        waves,
        [
            "backend: web",
            "backend: sidekiq",
            "backend: clockwork",
            "backend: kafka-consumer",
            "engine: exchange-engine-app",
        ]
    );
}
