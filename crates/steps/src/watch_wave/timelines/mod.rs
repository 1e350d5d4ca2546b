//! What ECS says over time, and the verdict that must follow: the right one, and not before its time.
//!
//! Second 0 is when the wave was started. Everything is looked at every five seconds. A wave fails after ten minutes, a
//! success must hold for one, and two crashes are too many.

mod foreign;
mod giving_up;
mod readings;
mod rollbacks;
mod scaling;
mod soaking;
mod successes;
mod told;
mod waves;

use std::time::Duration;

use gantry_domain::names::ContainerName;
use gantry_domain::plan::{PlanKind, PlanStep, ServiceObservation};
use gantry_domain::soak::Soak;

use super::*;
use crate::testing::{FakeLogs, MemoryStore, given, road};
use told::{Line, Says, ToldStage, definition, deployment_arn};

/// A table, and the wave that it is about.
struct Timeline {
    lines: Vec<Line>,
    services: Vec<&'static str>,
    kind: PlanKind,
    /// Deployments that were there when the plan was made.
    known: Vec<&'static str>,
}

/// What ECS says about a wave of `web` alone.
fn web(lines: &[(i64, Says)]) -> Timeline {
    let lines = lines.iter().map(|(at, says)| (*at, "web", *says)).collect();
    Timeline { lines, services: vec!["web"], kind: PlanKind::Release, known: vec!["old"] }
}

/// What ECS says about a wave of `web` and `sidekiq`.
fn both(lines: &[Line]) -> Timeline {
    Timeline {
        lines: lines.to_vec(),
        services: vec!["web", "sidekiq"],
        kind: PlanKind::Release,
        known: vec!["old"],
    }
}

impl Timeline {
    /// The wave puts back what was verified.
    fn rolling_back(self) -> Self {
        Self { kind: PlanKind::Rollback, ..self }
    }

    /// The plan was made when this deployment was there too.
    fn knowing(mut self, whose: &'static str) -> Self {
        self.known.push(whose);
        self
    }

    async fn good_at(self, second: i64) {
        let (took, output) = self.play().await;
        assert_eq!((output.verdict, output.reason, took), (VerdictWord::Good, None, second));
    }

    async fn bad_at(self, second: i64, words: &[&str]) {
        let (took, output) = self.play().await;
        assert_eq!((output.verdict, took), (VerdictWord::Bad, second), "{:?}", output.reason);
        let reason = output.reason.unwrap();
        for wanted in words {
            assert!(reason.contains(wanted), "{reason:?} does not say {wanted:?}");
        }
    }

    /// Watches as the state machine does, which tries again after an error that may pass. The second of the verdict, and
    /// the verdict.
    async fn play(mut self) -> (i64, WatchWaveOutput) {
        // As ECS says it: in the order of time.
        self.lines.sort_by_key(|(at, ..)| *at);
        let clock = road::clock();
        let store = MemoryStore::default();
        let input = self.input(&store, clock.now()).await;
        let stage = ToldStage::new(&clock, self.lines);
        let logs = FakeLogs::default();
        let step = WatchWave { plans: &store, releases: &store, observe: &stage, logs: &logs, clock: &clock };
        for _ in 0..100 {
            match step.run(input.clone()).await {
                Ok(output) if output.verdict != VerdictWord::Pending => {
                    return (clock.now().duration_since(stage.start).as_secs(), output);
                }
                Ok(_) => {}
                Err(error) => assert!(passes(&error), "{}", error.words()),
            }
        }
        panic!("never decided");
    }

    /// What one call of the step says, and at which second.
    async fn first_call(self) -> (i64, Result<WatchWaveOutput, RolloutError>) {
        let (clock, store) = (road::clock(), MemoryStore::default());
        let input = self.input(&store, clock.now()).await;
        let stage = ToldStage::new(&clock, self.lines);
        let logs = FakeLogs::default();
        let step = WatchWave { plans: &store, releases: &store, observe: &stage, logs: &logs, clock: &clock };
        let said = step.run(input).await;
        (clock.now().duration_since(stage.start).as_secs(), said)
    }

    async fn input(&self, store: &MemoryStore, now: Timestamp) -> WatchWaveInput {
        let pipeline = given::exchange();
        let release = given::release(&pipeline, 'b', "2026-11-21T11:59:00Z");
        let mut plan = given::plan(&pipeline, &release, "preproduction", &["backend"], 'a');
        let names: Vec<ServiceName> = self.services.iter().map(|name| name.parse().unwrap()).collect();
        plan.terms.kind = self.kind;
        plan.terms.wave_timeout = Duration::from_secs(600);
        plan.terms.soak = Soak { lasts: Duration::from_secs(60), crash_limit: 2 };
        plan.terms.steps =
            vec![PlanStep::Wave { component: given::component("backend"), services: names.clone() }];
        for planned in &mut plan.terms.services {
            planned.containers = vec![ContainerName::new("app").unwrap()];
        }
        plan.observations = names
            .iter()
            .map(|name| ServiceObservation {
                service: name.clone(),
                desired_count: 2,
                known_deployments: self
                    .known
                    .iter()
                    .map(|whose| deployment_arn(name.as_str(), whose))
                    .collect(),
                running_commit: None,
            })
            .collect();
        let wanted = |name: &ServiceName| StartedService {
            service: name.clone(),
            task_definition: definition(name.as_str(), "ours"),
        };
        WatchWaveInput {
            execution: given::execution("rollout"),
            release_execution: release.execution.clone(),
            release: release.id.clone(),
            stage: given::stage("preproduction"),
            plan_hash: store.put(&plan).await.unwrap(),
            step: 0,
            started_at: now,
            services: names.iter().map(wanted).collect(),
        }
    }
}
