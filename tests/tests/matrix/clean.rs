//! Was the case played as planned, did it end right, and is the world clean?

use std::collections::BTreeMap;

use gantry_domain::End;
use gantry_local::client::Execution;

use crate::case::{PREPRODUCTION, PRODUCTION};
use crate::machines::Task;
use crate::oracle::{self, Right, Runs};
use crate::scene::Scene;

/// What became of a case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict {
    /// The end on record.
    pub(crate) end: Option<End>,
    /// Everything that is not as it should be.
    pub(crate) wrong: Vec<String>,
}

impl Verdict {
    fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }
}

/// Looks at everything once the case is over, the ends of executions were heard of and the sweeper came by.
pub(crate) async fn judge(scene: &Scene, tasks: &[Task], played: Result<Execution, String>) -> Verdict {
    let mut verdict = Verdict::default();
    let (right, execution) = match (oracle::right(scene.case(), tasks), played) {
        (Ok(right), Ok(execution)) => (right, execution),
        (Err(error), _) | (_, Err(error)) => {
            verdict.wrong.push(error);
            return verdict;
        }
    };
    for missed in scene.missed() {
        verdict.wrong.push(format!("never reached: {missed}"));
    }
    verdict.wrong.extend(scene.impossible());
    ended(scene, &right, &execution, &mut verdict);
    world(scene, &right, &mut verdict).await;
    if !verdict.wrong.is_empty() {
        verdict.wrong.push(format!(
            "right would be: {:?} with {:?}, because {}",
            right.recorded, right.stages, right.because
        ));
        verdict.wrong.push(format!(
            "the execution said: {:?} {}",
            execution.error,
            execution.cause.unwrap_or_default()
        ));
        verdict.wrong.push(format!("people were told: {}", scene.world().last_words()));
        verdict.wrong.push(format!("calls: {}", scene.programme()));
    }
    verdict
}

/// One end, the right one, told once.
fn ended(scene: &Scene, right: &Right, execution: &Execution, verdict: &mut Verdict) {
    let mut told = scene.world().ends_told();
    if scene.case().road.before("").is_some() {
        let before = told.iter().position(|end| *end == End::Succeeded);
        verdict.check(before.is_some(), || "the end of what went before is forgotten".to_owned());
        before.map(|index| told.remove(index));
    }
    verdict.end = told.first().copied();
    verdict.check(told == right.recorded.as_slice(), || format!("people were told these ends: {told:?}"));
    let end = oracle::end_of(&execution.status, execution.error.as_deref(), &execution.output);
    let stopped = execution.status == "ABORTED";
    verdict.check(end == right.execution && stopped == right.execution.is_none(), || {
        format!("the execution ended {end:?} ({}), not {:?}", execution.status, right.execution)
    });
    if right.rollout_stopped.is_some() {
        let stopped = scene.rollout_was_stopped();
        verdict.check(stopped == right.rollout_stopped, || format!("its rollout was stopped: {stopped:?}"));
    }
    let words = scene.world().last_words();
    verdict.check(right.words.is_none_or(|wanted| words.contains(wanted)), || {
        format!("people were not told {:?}", right.words.unwrap_or_default())
    });
}

/// Locks, queues, questions, holds, and what runs.
async fn world(scene: &Scene, right: &Right, verdict: &mut Verdict) {
    let world = scene.world();
    let locks = world.locks().await;
    let kept: Vec<&str> = locks.keys().map(String::as_str).collect();
    verdict.check(kept == right.kept.as_slice(), || format!("these locks are held: {locks:?}"));
    let told = locks.values().all(|reason| reason.as_ref().is_some_and(|reason| !reason.is_empty()));
    verdict.check(told, || format!("a lock is held without a reason: {locks:?}"));
    let waiting = world.waiting().await;
    verdict.check(waiting == 0, || format!("{waiting} still stand in line for a lock"));
    let open = world.open_questions().await;
    verdict.check(open == 0, || format!("{open} questions are still open"));
    let holds = world.holds().await;
    let holding: Vec<&str> = holds.iter().map(String::as_str).collect();
    verdict.check(holding == right.holds.as_slice(), || format!("these stages hold: {holds:?}"));
    for stage in [PREPRODUCTION, PRODUCTION] {
        let runs = world.runs(stage);
        let all = |version: char| BTreeMap::from(["web", "sidekiq"].map(|name| (name.to_owned(), version)));
        let is_right = match right.stages[stage] {
            Runs::Old => runs == all('a'),
            Runs::New => runs == all('b'),
            Runs::AsItStands => true,
        };
        verdict.check(is_right, || format!("{stage} runs {runs:?}: {:?}", world.written(stage)));
        let verified = world.is_verified(stage).await;
        let should = match right.stages[stage] {
            Runs::Old => Some(false),
            Runs::New => Some(true),
            Runs::AsItStands => None,
        };
        verdict.check(should.is_none_or(|should| should == verified), || {
            format!("the history says of {stage} that the release is verified: {verified}")
        });
        let migrations = world.written(stage).iter().filter(|write| write.contains("db:migrate")).count();
        verdict.check(migrations <= 1, || format!("the migration ran {migrations} times in {stage}"));
    }
}
