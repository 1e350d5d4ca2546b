use std::collections::BTreeMap;

use gantry_domain::ErrorName;
use gantry_domain::names::{PlanHash, ServiceName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::release::Release;

use super::{RecordStage, RecordStageError, RecordStageInput};
use crate::StepError as _;
use crate::ports::store::{Plans, Verified};
use crate::ports::{DeployStage as _, StageScope};
use crate::rollout::RELEASE;
use crate::testing::given::{self, component, digest, stage};
use crate::testing::{FakeClock, FakeStage, Fault, MemoryStore};

struct World<'a> {
    pipeline: Pipeline,
    store: MemoryStore,
    stage: FakeStage<'a>,
    clock: &'a FakeClock,
    release: Release,
    hash: PlanHash,
}

impl<'a> World<'a> {
    /// The backend was deployed to pre-production; everything else ran its digest already.
    async fn new(clock: &'a FakeClock) -> Self {
        let pipeline = given::exchange();
        let release = given::release(&pipeline, 'a', "2026-11-21T12:00:00Z");
        let store = MemoryStore::default();
        store.given_release(&release);
        let plan = given::plan(&pipeline, &release, "preproduction", &["backend"], '0');
        let hash = store.put(&plan).await.unwrap();
        let stage = FakeStage::running(&pipeline, &digest('a'), clock);
        let scope = StageScope::deploying_plan(&plan.terms);
        let tags = BTreeMap::from([(RELEASE.to_owned(), release.id.to_string())]);
        for service in pipeline.component(&component("backend")).unwrap().services() {
            let body = stage.definition(&given::task_definition(service.as_str(), 1)).body;
            let ours = stage.register_task_definition(&scope, &body, &tags).await.unwrap();
            stage.update_service(&scope, service, &ours).await.unwrap();
        }
        Self { pipeline, store, stage, clock, release, hash }
    }

    async fn run(&self, hash: &PlanHash, name: &str) -> Result<(), RecordStageError> {
        let Self { store, stage, clock, .. } = self;
        let step = RecordStage { releases: store, plans: store, verified: store, stage, clock: *clock };
        let input = RecordStageInput {
            execution: self.release.execution.clone(),
            release: self.release.id.clone(),
            stage: given::stage(name),
            plan_hash: hash.clone(),
        };
        step.run(input).await.map(drop)
    }

    async fn rows(&self, name: &str) -> usize {
        self.store.history(&stage("preproduction"), &component(name), 100).await.unwrap().len()
    }
}

fn clock() -> FakeClock {
    FakeClock::at("2026-11-21T12:30:00Z")
}

#[tokio::test]
async fn every_service_gets_its_row_those_that_did_not_change_too() {
    let clock = clock();
    let world = World::new(&clock).await;
    world.run(&world.hash, "preproduction").await.unwrap();
    for component in &world.pipeline.components {
        for service in component.services() {
            let stage = stage("preproduction");
            let row = world.store.newest(&stage, &component.name, service).await.unwrap().unwrap();
            assert_eq!(row.digest, digest('a'));
            assert_eq!(row.commit, Some(world.release.commit.clone()));
            let revision = if component.name.as_str() == "backend" { 2 } else { 1 };
            let runs = given::task_definition(service.as_str(), revision);
            assert_eq!(row.task_definition, runs, "what it runs");
        }
    }
    let told = world.store.notices(&world.release.id);
    let [Notice::StageVerified { deployed, unchanged, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(deployed[0], ServiceName::new("web").unwrap());
    assert_eq!((deployed.len(), unchanged.len()), (4, 2));
}

#[tokio::test]
async fn a_lost_answer_leaves_one_set_of_rows_and_one_notice() {
    let clock = clock();
    let world = World::new(&clock).await;
    world.store.faults.plan("record_verified", Fault::AnswerLost);
    world.run(&world.hash, "preproduction").await.unwrap_err();
    clock.pass(std::time::Duration::from_secs(5));
    world.run(&world.hash, "preproduction").await.unwrap();
    assert_eq!((world.rows("backend").await, world.rows("client").await), (4, 1));
    assert_eq!(world.store.notices(&world.release.id).len(), 1);
}

#[tokio::test]
async fn a_plan_that_is_not_this_stages_records_nothing() {
    let clock = clock();
    let world = World::new(&clock).await;
    for (hash, name) in [(world.hash.clone(), "production"), (given::plan_hash('f'), "preproduction")] {
        let error = world.run(&hash, name).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::Inconsistent);
    }
    assert_eq!(world.rows("backend").await, 0);
}

#[tokio::test]
async fn a_service_that_runs_nothing_records_nothing() {
    let clock = clock();
    let world = World::new(&clock).await;
    world.stage.change_service("sidekiq", |service| service.task_definition = None);
    let error = world.run(&world.hash, "preproduction").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::UnsupportedService);
    assert!(error.to_string().contains("sidekiq"), "{error}");
    assert_eq!(world.rows("backend").await, 0);
}

#[tokio::test]
async fn t09_what_somebody_else_deployed_after_the_verdict_is_not_called_verified() {
    for service in ["sidekiq", "exchange-client-web"] {
        let clock = clock();
        let world = World::new(&clock).await;
        world.stage.somebody_deploys(service);
        let error = world.run(&world.hash, "preproduction").await.unwrap_err();
        assert!(error.to_string().contains(service), "{error}");
        assert_eq!((world.rows("backend").await, world.rows("client").await), (0, 0));
        assert!(world.store.notices(&world.release.id).is_empty());
    }
}

#[tokio::test]
async fn t09_what_was_told_as_verified_stays_so_when_somebody_deploys_before_the_answer_arrives() {
    let clock = clock();
    let world = World::new(&clock).await;
    world.store.faults.plan("record_verified", Fault::AnswerLost);
    world.run(&world.hash, "preproduction").await.unwrap_err();
    world.stage.somebody_deploys("sidekiq");
    world.run(&world.hash, "preproduction").await.unwrap();
    assert_eq!((world.rows("backend").await, world.rows("client").await), (4, 1));
    assert_eq!(world.store.notices(&world.release.id).len(), 1);
}
