//! What an execution left behind, as both find it: the watcher by the event, the sweeper without it.

use gantry_domain::End;
use gantry_domain::approval::Outcome;
use gantry_domain::names::ReleaseId;
use gantry_domain::notice::Notice;
use gantry_domain::release::Release;

use super::WatchExecutionsOutput;
use crate::ports::store::{Locks, NewNotice, Releases};
use crate::ports::{ExecutionState, PortError};
use crate::testing::{Fault, LeftBehind, given};

/// Who finds out.
#[derive(Debug, Clone, Copy)]
enum Finder {
    Watcher,
    Sweeper,
}

const FINDERS: [Finder; 2] = [Finder::Watcher, Finder::Sweeper];

/// All ways in which an execution can be over without its end on record.
const DEATHS: [ExecutionState; 5] = [
    ExecutionState::Aborted,
    ExecutionState::TimedOut,
    ExecutionState::Failed,
    ExecutionState::Succeeded,
    ExecutionState::Gone,
];

impl Finder {
    async fn try_look(self, world: &LeftBehind, dead: &Release) -> Result<(), PortError> {
        match self {
            Self::Watcher => world.try_hear(dead).await.map(drop),
            Self::Sweeper => world.try_sweep().await.map(drop),
        }
    }

    async fn look(self, world: &LeftBehind, dead: &Release) {
        self.try_look(world, dead).await.unwrap();
    }
}

#[tokio::test]
async fn t08_a_question_that_no_execution_waits_for_any_more_is_closed_and_its_release_ends_once() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        let (asked, other) = (world.asked(&one).await, world.asked(&two).await);
        world.executions.end(&one.execution, ExecutionState::Aborted);
        finder.look(&world, &one).await;
        assert_eq!(world.outcome(&asked).await, Some(Outcome::Expired), "a click would open nothing");
        assert_eq!(world.outcome(&other).await, None, "{finder:?}");
        assert_eq!(world.end_of(&one).await, Some(End::FailedClean), "{finder:?}");
        assert_eq!(world.end_of(&two).await, None, "{finder:?}");
        for finder in FINDERS {
            finder.look(&world, &one).await;
        }
        assert_eq!(world.ends_told(&one), 1, "{finder:?}");
    }
}

#[tokio::test]
async fn t08_t25_a_release_that_had_changed_nothing_ends_clean_and_its_lock_goes_on() {
    for (finder, death) in FINDERS.into_iter().flat_map(|finder| DEATHS.map(|death| (finder, death))) {
        let world = LeftBehind::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        world.locked(&one).await;
        world.queued(&two).await;
        world.executions.end(&one.execution, death);
        finder.look(&world, &one).await;
        assert_eq!(world.end_of(&one).await, Some(End::FailedClean), "{finder:?} {death:?}");
        assert_eq!(world.end_of(&two).await, None, "{finder:?} {death:?}");
        assert_eq!(world.lock().await.unwrap().owner, two.execution, "{finder:?} {death:?}");
        assert_eq!(world.tokens.succeeded(), [two.id.as_str()]);
        assert_eq!(world.executions.stopped(), []);
        finder.look(&world, &one).await;
        assert_eq!(world.ends_told(&one), 1, "exactly one end is told");
    }
}

#[tokio::test]
async fn t08_a_release_that_was_changing_a_stage_is_put_back_by_one_execution_that_takes_it_over() {
    for (finder, death) in FINDERS.into_iter().flat_map(|finder| DEATHS.map(|death| (finder, death))) {
        let world = LeftBehind::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        world.locked(&one).await;
        world.queued(&two).await;
        let rollout = world.rolls_out(&one).await;
        let before = world.lock().await;
        world.executions.end(&one.execution, death);
        for finder in [finder, Finder::Watcher, Finder::Sweeper] {
            finder.look(&world, &one).await;
            assert_eq!(world.executions.stopped(), std::slice::from_ref(&rollout), "{finder:?} {death:?}");
            assert!(world.put_back(&one).is_some(), "{finder:?} {death:?}");
            assert_eq!(world.end_of(&one).await, None, "its end is told by whoever puts it back");
            assert_eq!(world.lock().await, before, "what is noted in the lock is needed");
        }
        assert_eq!(world.executions.started().len(), 1, "{finder:?} {death:?}");
    }
}

#[tokio::test]
async fn t08_a_stage_that_had_passed_is_not_put_back() {
    for (finder, stages) in FINDERS.into_iter().flat_map(|finder| [(finder, 1), (finder, 2)]) {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_out(&one).await;
        for stage in ["production", "preproduction"].into_iter().take(stages) {
            let (stage, nothing) = (given::stage(stage), || Vec::new());
            let passed = Notice::StageVerified {
                stage,
                deployed: nothing(),
                unchanged: nothing(),
                passed: Vec::new(),
            };
            world.store.append(&one.id, &NewNotice::new(one.claimed_at, passed)).await.unwrap();
        }
        world.executions.end(&one.execution, ExecutionState::Aborted);
        finder.look(&world, &one).await;
        assert_eq!(world.put_back(&one), None, "{finder:?}");
        let end = if stages == 2 { End::Succeeded } else { End::FailedClean };
        assert_eq!((world.end_of(&one).await, world.ends_told(&one)), (Some(end), 1), "{finder:?}");
        assert_eq!(world.lock().await, None, "{finder:?}");
    }
}

#[tokio::test]
async fn t20_a_stage_that_had_passed_and_was_being_put_back_all_the_same_is_left_to_a_person() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_back(&one).await;
        for stage in ["production", "preproduction"].map(given::stage) {
            let passed = Notice::StageVerified { stage, deployed: vec![], unchanged: vec![], passed: vec![] };
            world.store.append(&one.id, &NewNotice::new(one.claimed_at, passed)).await.unwrap();
        }
        world.executions.end(&one.execution, ExecutionState::Aborted);
        finder.look(&world, &one).await;
        assert_eq!(world.end_of(&one).await, Some(End::FailedDirty), "{finder:?}");
        assert!(world.lock().await.unwrap().kept.is_some(), "{finder:?}");
    }
}

#[tokio::test]
async fn t20_a_release_whose_putting_back_died_too_ends_dirty_and_keeps_the_lock() {
    for (finder, took_the_lock) in FINDERS.into_iter().flat_map(|finder| [(finder, true), (finder, false)]) {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_out(&one).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        finder.look(&world, &one).await;
        let successor = world.put_back(&one).unwrap();
        Releases::take_over(&world.store, &one.id, &one.execution, &successor).await.unwrap();
        if took_the_lock {
            let token = given::token("later");
            Locks::take_over(&world.store, &world.production, &one.execution, &successor, &token)
                .await
                .unwrap();
        }
        for finder in FINDERS {
            finder.look(&world, &one).await;
            assert_eq!(world.end_of(&one).await, None, "{finder:?}: the successor lives");
        }
        world.executions.end(&successor, ExecutionState::Failed);
        let dead = Release { execution: successor, ..one.clone() };
        for finder in FINDERS {
            finder.look(&world, &dead).await;
            finder.look(&world, &one).await;
        }
        assert_eq!(world.end_of(&one).await, Some(End::FailedDirty), "{finder:?} {took_the_lock}");
        assert!(world.lock().await.unwrap().kept.unwrap().contains("production"), "{finder:?}");
        assert_eq!((world.executions.started().len(), world.ends_told(&one)), (1, 1), "{finder:?}");
    }
}

#[tokio::test]
async fn t20_a_release_whose_putting_back_never_took_it_over_ends_dirty() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_out(&one).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        finder.look(&world, &one).await;
        world.executions.end(&world.put_back(&one).unwrap(), ExecutionState::Failed);
        finder.look(&world, &one).await;
        assert_eq!(world.end_of(&one).await, Some(End::FailedDirty), "{finder:?}");
        assert!(world.lock().await.unwrap().kept.is_some(), "{finder:?}");
    }
}

#[tokio::test]
async fn t08_who_looks_while_a_release_is_taken_over_does_not_end_it() {
    for moment in 0..100 {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_out(&one).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        Finder::Watcher.look(&world, &one).await;
        let successor = world.put_back(&one).unwrap();
        let taking = async {
            for _ in 0..moment {
                tokio::task::yield_now().await;
            }
            Releases::take_over(&world.store, &one.id, &one.execution, &successor).await
        };
        let (swept, taken) = tokio::join!(world.try_sweep(), taking);
        swept.unwrap();
        taken.unwrap();
        assert_eq!(world.end_of(&one).await, None, "whoever puts it back ends it, moment {moment}");
    }
}

#[tokio::test]
async fn t20_where_nothing_may_be_started_a_person_is_called() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_out(&one).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        world.executions.faults.plan("start", Fault::Denied);
        finder.look(&world, &one).await;
        assert_eq!(world.end_of(&one).await, Some(End::FailedDirty), "{finder:?}");
        assert!(world.lock().await.unwrap().kept.is_some(), "{finder:?}");
    }
}

#[tokio::test]
async fn t20_a_release_that_died_while_it_was_put_back_ends_dirty_and_its_lock_is_kept() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        world.locked(&one).await;
        world.queued(&two).await;
        let rollout = world.rolls_back(&one).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        finder.look(&world, &one).await;
        assert_eq!(world.executions.stopped(), [rollout], "{finder:?}");
        assert_eq!(world.end_of(&one).await, Some(End::FailedDirty), "{finder:?}");
        for finder in FINDERS {
            finder.look(&world, &one).await;
        }
        let lock = world.lock().await.unwrap();
        assert_eq!(lock.owner, one.execution, "kept stays kept");
        assert!(lock.kept.unwrap().contains("production"), "{finder:?}");
        assert_eq!(world.store.waiters(&world.production).await.unwrap().len(), 1);
        assert_eq!((world.executions.stopped().len(), world.ends_told(&one)), (1, 1), "{finder:?}");
    }
}

#[tokio::test]
async fn t08_nothing_is_decided_about_a_stage_while_its_rollout_may_go_on() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_out(&one).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        world.executions.faults.plan("stop", Fault::Refused);
        finder.try_look(&world, &one).await.unwrap_err();
        assert_eq!(world.put_back(&one), None, "{finder:?}");
        assert_eq!(world.lock().await.unwrap().kept, None, "{finder:?}");
        // It was stopped, and nobody heard: it has ended by the next look.
        world.executions.faults.plan("stop", Fault::AnswerLost);
        finder.try_look(&world, &one).await.unwrap_err();
        finder.look(&world, &one).await;
        assert_eq!(world.executions.stopped().len(), 1, "{finder:?}");
        assert!(world.put_back(&one).is_some(), "{finder:?}");
    }
}

#[tokio::test]
async fn a_rollout_that_has_ended_is_not_stopped() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        let rollout = world.rolls_out(&one).await;
        world.executions.end(&one.execution, ExecutionState::Failed);
        world.executions.end(&rollout, ExecutionState::Succeeded);
        finder.look(&world, &one).await;
        assert_eq!(world.executions.stopped(), [], "{finder:?}");
        assert!(world.put_back(&one).is_some(), "{finder:?}");
    }
}

#[tokio::test]
async fn t08_a_lock_left_behind_by_a_recorded_end_is_passed_on_and_the_end_stays() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        world.locked(&one).await;
        world.rolls_out(&one).await;
        let notice = Notice::Ended { end: End::Succeeded, stage: None, reason: String::new(), next: None };
        let notice = NewNotice::new(one.claimed_at, notice);
        Releases::end(&world.store, &one.id, End::Succeeded, "", &notice).await.unwrap();
        world.executions.end(&one.execution, ExecutionState::Failed);
        finder.look(&world, &one).await;
        assert_eq!(world.lock().await, None, "{finder:?}");
        assert_eq!((world.end_of(&one).await, world.ends_told(&one)), (Some(End::Succeeded), 1));
    }
}

#[tokio::test]
async fn t08_who_died_in_line_leaves_it_and_a_free_lock_finds_the_next() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        world.queued(&one).await;
        world.queued(&two).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        finder.look(&world, &one).await;
        assert_eq!(world.lock().await.unwrap().owner, two.execution, "{finder:?}");
        assert_eq!(world.tokens.succeeded(), [two.id.as_str()], "{finder:?}");
        assert_eq!(world.end_of(&one).await, Some(End::FailedClean), "{finder:?}");
    }
}

#[tokio::test]
async fn t08_who_died_in_line_takes_nothing_from_the_owner() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        world.locked(&one).await;
        world.rolls_out(&one).await;
        world.queued(&two).await;
        world.executions.end(&two.execution, ExecutionState::Aborted);
        finder.look(&world, &two).await;
        let lock = world.lock().await.unwrap();
        assert_eq!((lock.owner, lock.kept), (one.execution.clone(), None), "{finder:?}");
        assert_eq!(world.executions.stopped(), [], "{finder:?}");
        let left: Vec<ReleaseId> = world
            .store
            .waiters(&world.production)
            .await
            .unwrap()
            .into_iter()
            .map(|stored| stored.waiter.release)
            .collect();
        assert_eq!(left, [], "{finder:?}");
    }
}

#[tokio::test]
async fn t08_an_execution_that_goes_on_loses_nothing_to_an_event() {
    let world = LeftBehind::new();
    let one = world.claimed('a').await;
    world.locked(&one).await;
    let asked = world.asked(&one).await;
    assert_eq!(world.try_hear(&one).await.unwrap(), WatchExecutionsOutput::GoesOn);
    assert_eq!((world.end_of(&one).await, world.outcome(&asked).await), (None, None));
    assert_eq!(world.lock().await.unwrap().owner, one.execution);
}

#[tokio::test]
async fn t08_watcher_and_sweeper_at_once_in_any_order_end_a_release_once() {
    for seed in 0..200 {
        let world = LeftBehind::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        world.locked(&one).await;
        world.queued(&two).await;
        let asked = world.asked(&one).await;
        world.executions.end(&one.execution, ExecutionState::Aborted);
        world.store.faults.shuffle(seed);
        let (heard, swept, again) =
            futures::join!(world.try_hear(&one), world.try_sweep(), world.try_hear(&one));
        assert!(
            heard.is_ok() && swept.is_ok() && again.is_ok(),
            "seed {seed}: {heard:?} {swept:?} {again:?}"
        );
        assert_eq!(world.ends_told(&one), 1, "seed {seed}");
        assert_eq!(world.outcome(&asked).await, Some(Outcome::Expired), "seed {seed}");
        assert_eq!(world.lock().await.unwrap().owner, two.execution, "seed {seed}");
        let woken = world.tokens.succeeded();
        assert_eq!(
            woken.iter().filter(|token| *token == two.id.as_str()).count(),
            1,
            "seed {seed}: {woken:?}"
        );
    }
}

#[tokio::test]
async fn t23_a_look_that_dies_at_any_call_is_finished_by_the_next() {
    let calls = ["open", "decide", "running", "end", "read_lock", "waiters", "pass"];
    for (finder, call) in FINDERS.into_iter().flat_map(|finder| calls.map(|call| (finder, call))) {
        for fault in [Fault::Refused, Fault::AnswerLost] {
            let world = LeftBehind::new();
            let (one, two) = (world.claimed('a').await, world.claimed('b').await);
            world.locked(&one).await;
            world.queued(&two).await;
            let asked = world.asked(&one).await;
            world.executions.end(&one.execution, ExecutionState::Failed);
            world.store.faults.plan(call, fault);
            let first = finder.try_look(&world, &one).await;
            // A read has no effect whose answer could be lost.
            let is_read = ["open", "running", "read_lock", "waiters"].contains(&call);
            assert_eq!(first.is_err(), fault == Fault::Refused || !is_read, "{finder:?} {call} {fault:?}");
            world.sweep().await;
            assert_eq!(world.ends_told(&one), 1, "{finder:?} {call} {fault:?}");
            assert_eq!(world.outcome(&asked).await, Some(Outcome::Expired), "{finder:?} {call} {fault:?}");
            assert_eq!(world.lock().await.unwrap().owner, two.execution, "{finder:?} {call} {fault:?}");
            assert!(world.tokens.succeeded().iter().any(|token| token == two.id.as_str()), "{call}");
        }
    }
}

#[tokio::test]
async fn t25_a_release_whose_end_could_not_be_recorded_ends_as_it_had_come_to() {
    for finder in FINDERS {
        let world = LeftBehind::new();
        let one = world.claimed('a').await;
        for stage in &world.pipeline.stages {
            let passed = Notice::StageVerified {
                stage: stage.name.clone(),
                deployed: vec![],
                unchanged: vec![],
                passed: vec![],
            };
            world.store.given_notice(&one.id, &NewNotice::new(one.claimed_at, passed));
        }
        world.executions.end(&one.execution, ExecutionState::Failed);
        finder.look(&world, &one).await;
        assert_eq!(world.end_of(&one).await, Some(End::Succeeded), "{finder:?}");
        assert_eq!(world.ends_told(&one), 1, "{finder:?}");
    }
}
