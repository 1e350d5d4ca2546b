//! A stage in the simulated ECS whose time only moves when a step sleeps, and the wave that is watched there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gantry_aws::{EcsStage, StageSessions, connect_to};
use gantry_domain::Scale;
use gantry_domain::names::{PlanHash, ServiceName, TaskDefinitionArn};
use gantry_domain::plan::{Change, Plan, PlanKind, PlanStep, PlanTerms, PlannedService, ServiceObservation};
use gantry_domain::soak::Soak;
use gantry_domain::testing::exchange;
use gantry_domain::verdict::VerdictWord;
use gantry_simulator::aws::AuthCheck;
use gantry_simulator::clock::WorldClock;
use gantry_simulator::ecs::{Ecs, ServiceSeed};
use gantry_simulator::front::authorizer::{Assumable, AuthorizationError, Decision};
use gantry_simulator::front::policy::Context;
use gantry_simulator::front::{Authorizer, Front, Identities};
use gantry_simulator::images::{ImageCatalog, ImageFacts};
use gantry_simulator::journal::Journal;
use gantry_steps::ports::store::Plans;
use gantry_steps::ports::{Clock, DeployStage, ObserveStage, PortError, StageScope};
use gantry_steps::start_deployments::StartedService;
use gantry_steps::watch_wave::{WatchWave, WatchWaveInput};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::net::TcpListener;

pub(crate) const CLUSTER: &str = "exchange-base-cluster-preprod2";
const REPOSITORY: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com/exchange-backend-f899186";
const BALANCER: &str = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/1";

/// What somebody does at a second.
type Deed = (i64, Box<dyn FnOnce(&Ecs) + Send>);

/// Time, and what others do as it passes.
struct WorldTime {
    ecs: Arc<Ecs>,
    start: Timestamp,
    now: Mutex<Timestamp>,
    deeds: Mutex<Vec<Deed>>,
}

impl WorldTime {
    fn at(&self, second: i64) -> Timestamp {
        self.start + SignedDuration::from_secs(second)
    }

    fn pass_until(&self, until: Timestamp) {
        let mut deeds = self.deeds.lock().unwrap();
        deeds.sort_by_key(|(second, _)| *second);
        while deeds.first().is_some_and(|(second, _)| self.at(*second) <= until) {
            let (second, deed) = deeds.remove(0);
            self.ecs.advance(self.at(second));
            deed(&self.ecs);
        }
        self.ecs.advance(until);
        *self.now.lock().unwrap() = until;
    }
}

#[async_trait]
impl Clock for WorldTime {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, span: Duration) {
        self.pass_until(self.now() + SignedDuration::try_from(span).unwrap());
    }
}

/// Images by reference.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, ImageFacts>>);

impl ImageCatalog for Shelf {
    fn resolve(&self, reference: &str) -> Option<ImageFacts> {
        self.0.lock().unwrap().get(reference).cloned()
    }
}

/// Rights are proved elsewhere, against the template's own policies.
struct AllowsAll;

#[async_trait]
impl Authorizer for AllowsAll {
    async fn allowed(&self, _: &str, _: &AuthCheck) -> Result<Decision, AuthorizationError> {
        Ok(Decision::Allowed)
    }

    async fn trusts(
        &self,
        _: &str,
        _: Option<&str>,
        _: &Context,
    ) -> Result<Option<Assumable>, AuthorizationError> {
        Ok(Some(Assumable { role_id: "AROASIMULATED".to_owned(), max_session_seconds: 3600 }))
    }
}

/// The plan that the wave is of.
struct OnePlan(Plan);

#[async_trait]
impl Plans for OnePlan {
    async fn put(&self, plan: &Plan) -> Result<PlanHash, PortError> {
        Ok(plan.terms.hash().unwrap())
    }

    async fn get(&self, _: &PlanHash) -> Result<Option<Plan>, PortError> {
        Ok(Some(self.0.clone()))
    }
}

/// A stage that runs version 1 of `web`.
pub(crate) struct World {
    pub(crate) ecs: Arc<Ecs>,
    shelf: Arc<Shelf>,
    stage: EcsStage,
    time: WorldTime,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn digest(version: &str) -> String {
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(version)))
}

/// A verdict, its reason and the second it was given.
pub(crate) struct Judged {
    second: i64,
    word: VerdictWord,
    reason: Option<String>,
}

impl Judged {
    pub(crate) fn is_good_at(&self, second: i64) {
        assert_eq!((self.word, &self.reason, self.second), (VerdictWord::Good, &None, second));
    }

    pub(crate) fn is_bad_at(&self, second: i64, words: &[&str]) {
        assert_eq!((self.word, self.second), (VerdictWord::Bad, second), "{:?}", self.reason);
        let reason = self.reason.as_ref().unwrap();
        for wanted in words {
            assert!(reason.contains(wanted), "{reason:?} does not say {wanted:?}");
        }
    }
}

impl World {
    /// `web` runs two tasks behind a load balancer, and its circuit breaker rolls back.
    pub(crate) async fn of_web() -> Self {
        Self::of(ServiceSeed::new(CLUSTER, "web", "web", 2).balanced(BALANCER, "app", 3000)).await
    }

    /// `web` runs one task, and never two at once.
    pub(crate) async fn of_a_singleton() -> Self {
        Self::of(ServiceSeed::new(CLUSTER, "web", "web", 1).singleton()).await
    }

    async fn of(seed: ServiceSeed) -> Self {
        let origin = Timestamp::now();
        let clock = WorldClock::new(Scale::new(origin, 1.0).unwrap());
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let shelf = Arc::new(Shelf::default());
        let ecs = Arc::new(Ecs::new(clock, shelf.clone(), events, "111122223333", "us-west-2"));
        let identities = Arc::new(Identities::new("111122223333"));
        let front = Front::new(identities, Arc::new(AllowsAll), Journal::default(), clock);
        let router = Arc::new(front.service(Arc::clone(&ecs) as _)).router();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let stage = EcsStage::new(Arc::new(StageSessions::new(&connect_to(&address))));
        // The front door reads the simulator's own clock, which stays behind: the world's time does not run back.
        let start = origin + SignedDuration::from_hours(1);
        let time =
            WorldTime { ecs: Arc::clone(&ecs), start, now: Mutex::new(start), deeds: Mutex::default() };
        let world = Self { ecs, shelf, stage, time, server };
        world.ecs.create_cluster(CLUSTER);
        world.push("1", &[]);
        world.register("1");
        world.ecs.create_service(seed).unwrap();
        world.ecs.advance(start);
        world
    }

    fn push(&self, version: &str, behaviour: &[(&str, &str)]) {
        let labels = behaviour
            .iter()
            .map(|(name, value)| (format!("gantry.simulator.{name}"), (*value).to_owned()))
            .collect();
        let facts = ImageFacts { digest: digest(version), labels };
        self.shelf.0.lock().unwrap().insert(format!("{REPOSITORY}@{}", digest(version)), facts);
    }

    fn register(&self, version: &str) -> TaskDefinitionArn {
        let app = json!({
            "name": "app", "image": format!("{REPOSITORY}@{}", digest(version)),
            "portMappings": [{"containerPort": 3000}],
        });
        let input = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "512",
            "memory": "1024", "containerDefinitions": [app],
            "executionRoleArn": "arn:aws:iam::111122223333:role/exchange-execution",
        });
        TaskDefinitionArn::new(self.ecs.register(&input).unwrap()).unwrap()
    }

    /// Changes members of `web`'s deployment configuration.
    pub(crate) fn configure(&self, configuration: Value) {
        self.ecs.somebody_configures(CLUSTER, "web", configuration).unwrap();
    }

    /// Somebody does this at that second.
    pub(crate) fn at(&self, second: i64, deed: impl FnOnce(&Ecs) + Send + 'static) {
        self.time.deeds.lock().unwrap().push((second, Box::new(deed)));
    }

    /// Deploys version 2, whose image behaves so, and watches until there is a verdict.
    pub(crate) async fn deploys(&self, behaviour: &[(&str, &str)]) -> Judged {
        self.push("2", behaviour);
        let task_definition = self.register("2");
        let web: ServiceName = "web".parse().unwrap();
        let mut plan = plan(&task_definition);
        let scope = StageScope::observing_plan(&plan.terms);
        let known = self.stage.deployments_of(&scope, &web).await.unwrap();
        plan.observations[0].known_deployments = known.into_iter().map(|one| one.arn).collect();
        let scope = StageScope::deploying_plan(&plan.terms);
        self.stage.update_service(&scope, &web, &task_definition).await.unwrap();
        self.watch(plan, StartedService { service: web, task_definition }).await
    }

    async fn watch(&self, plan: Plan, started: StartedService) -> Judged {
        let execution = |name: &str| {
            let arn = format!("arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-{name}:one");
            arn.parse().unwrap()
        };
        let input = WatchWaveInput {
            execution: execution("rollout"),
            release_execution: execution("release"),
            release: plan.terms.release.clone(),
            stage: plan.terms.stage.clone(),
            plan_hash: plan.terms.hash().unwrap(),
            step: 0,
            started_at: self.time.now(),
            services: vec![started],
        };
        let plans = OnePlan(plan);
        let step = WatchWave { plans: &plans, observe: &self.stage, clock: &self.time };
        for _ in 0..100 {
            let output = step.run(input.clone()).await.unwrap();
            if output.verdict != VerdictWord::Pending {
                let second = self.time.now().duration_since(input.started_at).as_secs();
                return Judged { second, word: output.verdict, reason: output.reason };
            }
        }
        panic!("never decided");
    }
}

/// A wave of `web` alone.
fn plan(task_definition: &TaskDefinitionArn) -> Plan {
    let pipeline = exchange();
    let stage = &pipeline.stages[0];
    let component = &pipeline.components[0];
    let web: ServiceName = "web".parse().unwrap();
    let service = PlannedService {
        component: component.name.clone(),
        service: web.clone(),
        change: Change::Deploy,
        running: task_definition.clone(),
        running_digest: None,
        base: task_definition.clone(),
        containers: vec!["app".parse().unwrap()],
        repository: component.repository.clone(),
        digest: digest("2").parse().unwrap(),
    };
    let terms = PlanTerms {
        kind: PlanKind::Release,
        release: "exchange-4f2a9c1-1".parse().unwrap(),
        stage: stage.name.clone(),
        config: pipeline.hash.clone(),
        region: stage.region.clone(),
        cluster: stage.cluster.clone(),
        registry: stage.registry(),
        deploy_role: stage.deploy_role.clone(),
        observe_role: stage.observe_role.clone(),
        wave_timeout: Duration::from_secs(600),
        soak: Soak { lasts: Duration::from_secs(60), crash_limit: 2 },
        private_hosts: Vec::new(),
        services: vec![service],
        steps: vec![PlanStep::Wave { component: component.name.clone(), services: vec![web.clone()] }],
    };
    let observation = ServiceObservation {
        service: web,
        desired_count: 2,
        known_deployments: Vec::new(),
        running_commit: None,
    };
    Plan { terms, observed_at: Timestamp::UNIX_EPOCH, observations: vec![observation] }
}
