//! What a plan does in which order, what stays as it is, and everything that is refused.

use serde_json::json;

use super::*;
use crate::ecs::{ContainerImage, Controller, DeploymentStatus, DeploymentSummary, Placement, Service};
use crate::pipeline::{CheckKind, Pipeline, TaskImage};
use crate::release::{ComponentSource, Release, ReleasedComponent};
use crate::task_definition::{TaskDefinition, TaskDefinitionBody, image_by_digest};
pub(super) use crate::testing::exchange;

pub(super) fn digest(digit: char) -> Digest {
    Digest::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

/// Everything is new: digest `b` for all components.
pub(super) fn release(pipeline: &Pipeline) -> Release {
    let components = pipeline.components.iter().map(|component| {
        let released = ReleasedComponent {
            repository: component.repository.clone(),
            digest: digest('b'),
            commit: None,
            source: ComponentSource::Built,
        };
        (component.name.clone(), released)
    });
    Release {
        id: "exchange-4f2a9c1d3e5b-1".parse().unwrap(),
        commit: "4f2a9c1d3e5b7a8c9d0e1f2a3b4c5d6e7f8a9b0c".parse().unwrap(),
        attempt: 1,
        origin: crate::release::Origin::Push,
        execution: "arn:aws:states:us-west-2:111122223333:execution:release:one".parse().unwrap(),
        claimed_at: Timestamp::UNIX_EPOCH,
        config: pipeline.hash.clone(),
        components: components.collect(),
        commits: Vec::new(),
        undoes: None,
    }
}

fn arn(service: &ServiceName, revision: u32) -> TaskDefinitionArn {
    TaskDefinitionArn::new(format!("arn:aws:ecs:us-west-2:111122223333:task-definition/{service}:{revision}"))
        .unwrap()
}

pub(super) fn deployment(service: &ServiceName, status: DeploymentStatus) -> DeploymentSummary {
    let arn = format!("arn:aws:ecs:us-west-2:111122223333:service-deployment/c/{service}/1");
    DeploymentSummary { arn: ServiceDeploymentArn::new(arn).unwrap(), status, target: None, created_at: None }
}

/// A service that runs that digest by reference, in container `app`.
fn observed(service: &ServiceName, repository: &RepositoryName, digit: char) -> ObservedService {
    let registry = "111122223333.dkr.ecr.us-west-2.amazonaws.com";
    let image = image_by_digest(registry, repository, &digest(digit));
    let body = json!({
        "family": service.as_str(), "networkMode": "awsvpc",
        "containerDefinitions": [{"name": "app", "image": image}, {"name": "log", "image": "public.ecr.aws/log:1"}],
    });
    let running = TaskDefinition {
        arn: arn(service, 12),
        body: TaskDefinitionBody::new(body),
        tags: Default::default(),
        unknown: Vec::new(),
    };
    let app = ContainerImage { container: app(), image, digest: Some(digest(digit)) };
    ObservedService {
        service: Service {
            name: service.clone(),
            status: "ACTIVE".to_owned(),
            controller: Controller::Ecs,
            task_definition: Some(running.arn.clone()),
            desired_count: 2,
            running_count: 2,
            rollout_state: Some("COMPLETED".to_owned()),
            revisions: Vec::new(),
            placement: Placement::default(),
            events: Vec::new(),
        },
        base: Some(running.clone()),
        running: Some(running),
        images: vec![app],
        deployments: vec![deployment(service, DeploymentStatus::Successful)],
    }
}

fn app() -> ContainerName {
    ContainerName::new("app").unwrap()
}

/// Every service runs digest `a`.
pub(super) fn world(pipeline: &Pipeline) -> ObservedStage {
    let services = pipeline.components.iter().flat_map(|component| {
        component.services().map(|service| observed(service, &component.repository, 'a'))
    });
    ObservedStage { at: Timestamp::UNIX_EPOCH, under_lock: true, services: services.collect() }
}

pub(super) fn service<'a>(world: &'a mut ObservedStage, name: &str) -> &'a mut ObservedService {
    world.services.iter_mut().find(|seen| seen.service.name.as_str() == name).unwrap()
}

/// The service runs the released digest already.
fn up_to_date(world: &mut ObservedStage, pipeline: &Pipeline, name: &str) {
    let name = ServiceName::new(name).unwrap();
    let component =
        pipeline.components.iter().find(|one| one.services().any(|service| *service == name)).unwrap();
    *service(world, name.as_str()) = observed(&name, &component.repository, 'b');
}

fn planned(pipeline: &Pipeline, world: &ObservedStage) -> Result<Plan, PlanError> {
    build(pipeline, &pipeline.stages[0], &release(pipeline), world)
}

pub(super) fn labels(plan: &Plan) -> Vec<String> {
    plan.terms.steps.iter().map(PlanStep::label).collect()
}

fn refusals(pipeline: &Pipeline, world: &ObservedStage) -> Vec<Refusal> {
    match planned(pipeline, world) {
        Err(PlanError::Unsupported(refusals)) => refusals,
        other => panic!("{other:?} instead of refusals"),
    }
}

#[test]
fn components_go_in_order_each_with_its_tasks_waves_and_checks() {
    let pipeline = exchange();
    let plan = planned(&pipeline, &world(&pipeline)).unwrap();
    assert_eq!(
        labels(&plan),
        [
            "backend: backup backup",
            "backend: migration migrate",
            "backend: web",
            "backend: sidekiq",
            "backend: clockwork",
            "backend: kafka-consumer",
            "backend: check backend-health",
            "client: exchange-client-web",
            "engine: exchange-engine-app",
            "check acceptance",
        ]
    );
    assert_eq!(plan.observations.len(), 6);
    assert_eq!(plan.observations[0].known_deployments.len(), 1);
    assert_eq!(plan.terms.services[0].running_digest, Some(digest('a')));
}

#[test]
fn a_component_that_runs_already_is_left_alone_with_its_tasks_but_still_checked() {
    let pipeline = exchange();
    let mut world = world(&pipeline);
    for name in ["web", "sidekiq", "clockwork", "kafka-consumer"] {
        up_to_date(&mut world, &pipeline, name);
    }
    let plan = planned(&pipeline, &world).unwrap();
    assert_eq!(
        labels(&plan),
        [
            "backend: check backend-health",
            "client: exchange-client-web",
            "engine: exchange-engine-app",
            "check acceptance"
        ]
    );
    assert_eq!(plan.terms.services.len(), 6, "services that stay are in the plan too");
}

#[test]
fn t01_what_is_new_passes_its_checks_even_where_it_runs_already() {
    let pipeline = exchange();
    let mut world = world(&pipeline);
    for name in ["web", "sidekiq", "clockwork", "kafka-consumer"] {
        up_to_date(&mut world, &pipeline, name);
    }
    let checked = |source: ComponentSource| {
        let mut release = release(&pipeline);
        release.components.get_mut(&"backend".parse().unwrap()).unwrap().source = source;
        let plan = build(&pipeline, &pipeline.stages[0], &release, &world).unwrap();
        labels(&plan).iter().any(|label| label.contains("backend-health"))
    };
    assert!(checked(ComponentSource::Built), "an earlier release may have left it there and never passed");
    assert!(checked(ComponentSource::Named));
    assert!(!checked(ComponentSource::Carried { stage: pipeline.stages[0].name.clone() }));
}

#[test]
fn a_wave_that_has_nothing_to_do_vanishes_and_one_with_less_to_do_shrinks() {
    let mut pipeline = exchange();
    pipeline.components[0].waves =
        vec![vec!["web".parse().unwrap()], vec!["sidekiq".parse().unwrap(), "clockwork".parse().unwrap()]];
    let mut world = world(&pipeline);
    up_to_date(&mut world, &pipeline, "web");
    up_to_date(&mut world, &pipeline, "clockwork");
    let labels = labels(&planned(&pipeline, &world).unwrap());
    assert_eq!(labels[..3], ["backend: backup backup", "backend: migration migrate", "backend: sidekiq"]);
}

#[test]
fn checks_of_the_stage_run_even_when_nothing_changes() {
    let pipeline = exchange();
    let mut world = world(&pipeline);
    for component in &pipeline.components {
        for name in component.services() {
            up_to_date(&mut world, &pipeline, name.as_str());
        }
    }
    assert_eq!(
        labels(&planned(&pipeline, &world).unwrap()),
        ["backend: check backend-health", "check acceptance"]
    );
}

#[test]
fn a_service_is_left_alone_only_if_its_task_definition_and_its_tasks_agree() {
    let pipeline = exchange();
    let change = |spoil: fn(&mut ObservedService)| {
        let mut world = world(&pipeline);
        up_to_date(&mut world, &pipeline, "web");
        spoil(service(&mut world, "web"));
        planned(&pipeline, &world).unwrap().terms.services[0].change
    };
    assert_eq!(change(|_| {}), Change::NoChange);
    assert_eq!(change(|web| web.images.clear()), Change::Deploy, "nobody knows what runs");
    assert_eq!(change(|web| web.service.running_count = 0), Change::Deploy, "nothing runs");
    assert_eq!(change(|web| web.service.rollout_state = Some("FAILED".to_owned())), Change::Deploy);
    let two = |web: &mut ObservedService| {
        let old = image_by_digest("r", &"x".repeat(2).parse().unwrap(), &digest('a'));
        web.images.push(ContainerImage { container: app(), image: old, digest: None });
    };
    assert_eq!(change(two), Change::Deploy, "some tasks still run the old one");
    let by_tag = |web: &mut ObservedService| {
        let running = web.running.as_mut().unwrap();
        let repository = "exchange-backend-f899186";
        let image = format!("111122223333.dkr.ecr.us-west-2.amazonaws.com/{repository}:sha-1");
        running.body = running.body.with_images(&[(app(), image)].into()).unwrap();
    };
    assert_eq!(change(by_tag), Change::Deploy, "a tag that happens to point there is no reference by digest");
}

#[test]
fn an_untouched_component_is_not_restarted_only_to_name_its_digest() {
    let pipeline = exchange();
    let mut world = world(&pipeline);
    up_to_date(&mut world, &pipeline, "exchange-client-web");
    let client = service(&mut world, "exchange-client-web");
    let running = client.running.as_mut().unwrap();
    let image = "111122223333.dkr.ecr.us-west-2.amazonaws.com/exchange-client-59deea6:sha-1".to_owned();
    running.body = running.body.with_images(&[(app(), image)].into()).unwrap();
    let change = |source: ComponentSource| {
        let mut release = release(&pipeline);
        release.components.get_mut(&"client".parse().unwrap()).unwrap().source = source;
        let plan = build(&pipeline, &pipeline.stages[0], &release, &world).unwrap();
        plan.terms.service(&"exchange-client-web".parse().unwrap()).unwrap().change
    };
    let stage = pipeline.stages[0].name.clone();
    assert_eq!(change(ComponentSource::Baseline { stage: stage.clone() }), Change::NoChange);
    assert_eq!(change(ComponentSource::Carried { stage }), Change::NoChange);
    assert_eq!(change(ComponentSource::Built), Change::Deploy);
}

#[test]
fn t42_everything_that_stands_in_the_way_is_said_at_once_with_advice() {
    let pipeline = exchange();
    let mut world = world(&pipeline);
    world.services.retain(|seen| seen.service.name.as_str() != "clockwork");
    service(&mut world, "sidekiq").service.controller = Controller::Other("CODE_DEPLOY".to_owned());
    service(&mut world, "kafka-consumer").service.status = "DRAINING".to_owned();
    service(&mut world, "exchange-client-web").service.desired_count = 0;
    let engine = service(&mut world, "exchange-engine-app");
    let name = engine.service.name.clone();
    engine.deployments.insert(0, deployment(&name, DeploymentStatus::InProgress));
    service(&mut world, "web").base.as_mut().unwrap().unknown =
        vec!["containerDefinitions[0].sandbox".to_owned()];

    let error = planned(&pipeline, &world).unwrap_err().to_string();
    for words in [
        "has no service clockwork",
        "sidekiq is deployed by CODE_DEPLOY: Gantry needs the deployment controller ECS",
        "kafka-consumer is DRAINING",
        "exchange-client-web wants 0 tasks",
        "exchange-engine-app has a deployment that is not Gantry's under way",
        "containerDefinitions[0].sandbox",
    ] {
        assert!(error.contains(words), "{error:?} does not say {words:?}");
    }
    assert_eq!(refusals(&pipeline, &world).len(), 6);
}

#[test]
fn t42_unknown_fields_are_refused_only_where_they_would_be_lost() {
    let mut pipeline = exchange();
    pipeline.stages[0].checks.clear();
    let mut world = world(&pipeline);
    up_to_date(&mut world, &pipeline, "sidekiq");
    service(&mut world, "sidekiq").base.as_mut().unwrap().unknown = vec!["x".to_owned()];
    assert!(planned(&pipeline, &world).is_ok(), "nothing is registered from it");
    service(&mut world, "clockwork").base.as_mut().unwrap().unknown = vec!["x".to_owned()];
    assert!(
        matches!(&refusals(&pipeline, &world)[..], [Refusal::UnknownFields { service, .. }] if service.as_str() == "clockwork")
    );
}

#[test]
fn t15_a_service_without_tasks_is_refused() {
    let pipeline = exchange();
    let mut world = world(&pipeline);
    service(&mut world, "web").service.desired_count = 0;
    assert!(matches!(&refusals(&pipeline, &world)[..], [Refusal::NoTasksWanted { .. }]));
}

#[test]
fn a_service_is_busy_while_any_deployment_is_not_over() {
    let pipeline = exchange();
    for status in [
        DeploymentStatus::Pending,
        DeploymentStatus::InProgress,
        DeploymentStatus::RollbackInProgress,
        DeploymentStatus::Unknown("X".to_owned()),
    ] {
        let mut world = world(&pipeline);
        let web = service(&mut world, "web");
        web.deployments.push(deployment(&"web".parse().unwrap(), status));
        assert!(matches!(&refusals(&pipeline, &world)[..], [Refusal::Busy { .. }]));
    }
    let mut world = world(&pipeline);
    service(&mut world, "web").service.rollout_state = Some("IN_PROGRESS".to_owned());
    assert!(matches!(&refusals(&pipeline, &world)[..], [Refusal::Busy { deployment: None, .. }]));
}

#[test]
fn containers_are_those_that_use_the_repository_or_those_that_are_named() {
    let mut pipeline = exchange();
    pipeline.components[1].containers = vec!["app".parse().unwrap(), "elsewhere".parse().unwrap()];
    let mut world = world(&pipeline);
    let foreign = |seen: &mut ObservedService| {
        let base = seen.base.as_mut().unwrap();
        base.body = base.body.with_images(&[(app(), "docker.io/other:1".to_owned())].into()).unwrap();
    };
    foreign(service(&mut world, "exchange-client-web"));
    let plan = planned(&pipeline, &world).unwrap();
    assert_eq!(plan.terms.service(&"exchange-client-web".parse().unwrap()).unwrap().containers, [app()]);

    foreign(service(&mut world, "exchange-engine-app"));
    let refusals = refusals(&pipeline, &world);
    assert!(refusals[0].to_string().contains("docker.io/other:1"), "{}", refusals[0]);
}

#[test]
fn a_tasks_image_replaces_the_components_containers_or_only_the_one_that_runs_the_command() {
    let mut pipeline = exchange();
    let CheckKind::Task(spec) = &mut pipeline.stages[0].checks[1].kind else { panic!("not a task") };
    spec.image = TaskImage::Fixed { repository: "acceptance".parse().unwrap(), digest: digest('f') };
    let plan = planned(&pipeline, &world(&pipeline)).unwrap();
    let tasks: Vec<&PlannedTask> = plan
        .terms
        .steps
        .iter()
        .filter_map(|step| match step {
            PlanStep::Task(task) => Some(task),
            PlanStep::Wave { .. } | PlanStep::Checks { .. } => None,
        })
        .collect();
    assert_eq!(tasks[1].digest, digest('b'), "the migration runs the new image");
    assert_eq!((&tasks[2].digest, &tasks[2].containers), (&digest('f'), &vec![app()]));

    let base = world(&pipeline).services[0].base.clone().unwrap();
    assert_eq!(task_family(&base, tasks[1], &plan.terms.registry), "web");
    assert_eq!(
        task_family(&base, tasks[2], &plan.terms.registry),
        "web-acceptance",
        "it must never be web's newest"
    );
}

#[test]
fn a_tasks_container_must_be_there() {
    let mut pipeline = exchange();
    pipeline.components[0].migration.as_mut().unwrap().container = Some("shell".parse().unwrap());
    let refusals = refusals(&pipeline, &world(&pipeline));
    assert!(refusals[0].to_string().contains("container shell"), "{}", refusals[0]);
}

#[test]
fn a_release_of_another_configuration_has_no_plan() {
    let pipeline = exchange();
    let mut release = release(&pipeline);
    release.components.remove(&pipeline.components[2].name);
    let error = build(&pipeline, &pipeline.stages[0], &release, &world(&pipeline)).unwrap_err();
    assert_eq!(error, PlanError::Incomplete("engine".parse().unwrap()));
}

#[test]
fn the_hash_does_not_follow_what_moves_by_itself() {
    let pipeline = exchange();
    let hash = |world: &ObservedStage| planned(&pipeline, world).unwrap().terms.hash().unwrap();
    let one = world(&pipeline);
    let mut two = one.clone();
    two.at = "2026-11-21T12:00:00Z".parse().unwrap();
    let web = service(&mut two, "web");
    web.service.desired_count = 9;
    web.service.running_count = 8;
    web.deployments.clear();
    assert_eq!(hash(&one), hash(&two));
}

/// Each change of the world that a person would want to know about, and the words for it.
#[test]
fn the_hash_follows_what_people_agree_to_and_what_moved_is_said() {
    type Move = fn(&mut Pipeline, &mut ObservedStage);
    let cases: [(Move, &str); 7] = [
        (
            |pipeline, _| pipeline.hash = "d".repeat(64).parse().unwrap(),
            "The configuration was deployed anew.",
        ),
        (
            |_, world| {
                let web = service(world, "web");
                for definition in [&mut web.running, &mut web.base] {
                    definition.as_mut().unwrap().arn = arn(&web.service.name, 13);
                }
            },
            "web runs web:13 now, not web:12.",
        ),
        (
            |_, world| {
                let web = service(world, "web");
                web.base.as_mut().unwrap().arn = arn(&web.service.name, 14);
            },
            "web would be made from web:14, not from web:12.",
        ),
        (
            |_, world| service(world, "web").images[0].image = format!("r@{}", digest('c')),
            "web runs another image under the same task definition.",
        ),
        (|pipeline, world| up_to_date(world, pipeline, "sidekiq"), "sidekiq runs the new image already."),
        (|pipeline, _| pipeline.stages[0].checks.truncate(1), "The steps are now: "),
        (
            |pipeline, _| pipeline.stages[0].wave_timeout = Duration::from_secs(1),
            "Time limits or reachable hosts are not the same.",
        ),
    ];
    let before = planned(&exchange(), &world(&exchange())).unwrap().terms;
    for (change, words) in cases {
        let mut pipeline = exchange();
        let mut world = world(&pipeline);
        change(&mut pipeline, &mut world);
        let after = planned(&pipeline, &world).unwrap().terms;
        assert_ne!(before.hash().unwrap(), after.hash().unwrap(), "{words}");
        let moved = moved(&before, &after);
        assert!(moved.iter().any(|sentence| sentence.contains(words)), "{moved:?} does not say {words:?}");
    }
    assert!(moved(&before, &before).is_empty());
}

#[test]
fn a_plan_survives_being_written_and_read() {
    let pipeline = exchange();
    let plan = planned(&pipeline, &world(&pipeline)).unwrap();
    let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(read, plan);
    assert_eq!(read.terms.hash().unwrap(), plan.terms.hash().unwrap());
}

#[test]
fn t01_every_image_in_a_plan_is_a_digest_of_the_release() {
    let pipeline = exchange();
    let plan = planned(&pipeline, &world(&pipeline)).unwrap();
    let text = serde_json::to_string(&plan.terms).unwrap();
    assert!(!text.contains("sha-"), "a tag is in the plan");
    assert!(plan.terms.services.iter().all(|planned| planned.digest == digest('b')));
}
