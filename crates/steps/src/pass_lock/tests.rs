use std::time::Duration;

use futures::future::join_all;
use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName, TaskArn};
use gantry_domain::notice::Notice;
use gantry_domain::plan::PlanKind;
use gantry_domain::release::Undoing;
use gantry_domain::{End, ErrorName};
use jiff::Timestamp;

use super::PassLock;
use crate::StepError as _;
use crate::acquire_lock::{AcquireLock, AcquireLockError, AcquireLockInput};
use crate::ports::store::{Fenced, Locks, NewNotice, Releases, StoredLock, StoredWaiter, Taken};
use crate::ports::{PortError, TaskToken};
use crate::release_lock::{ReleaseLock, ReleaseLockInput};
use crate::testing::given::{self, execution, release_id, token};
use crate::testing::{FakeClock, FakeTokens, Fault, MemoryStore};

/// One stage that releases want, each known by a name.
struct World {
    store: MemoryStore,
    tokens: FakeTokens,
    clock: FakeClock,
    stage: StageName,
}

impl World {
    fn new() -> Self {
        Self {
            store: MemoryStore::default(),
            tokens: FakeTokens::default(),
            clock: FakeClock::at("2026-11-21T12:00:00Z"),
            stage: given::stage("production"),
        }
    }

    async fn try_acquire(&self, name: &str, with: &str) -> Result<(), AcquireLockError> {
        let Self { store, tokens, clock, .. } = self;
        let input = AcquireLockInput {
            execution: execution(name),
            release: release_id(name),
            stage: self.stage.clone(),
            token: token(with),
        };
        AcquireLock { locks: store, releases: store, tokens, clock }.run(input).await
    }

    async fn acquire(&self, name: &str) {
        self.try_acquire(name, name).await.unwrap();
        self.clock.pass(Duration::from_secs(1));
    }

    async fn release(&self, name: &str) -> bool {
        let Self { store, tokens, clock, .. } = self;
        let input = ReleaseLockInput {
            execution: execution(name),
            release: release_id(name),
            stage: self.stage.clone(),
        };
        ReleaseLock { locks: store, releases: store, tokens, clock }.run(input).await.unwrap().released
    }

    async fn owner(&self) -> Option<ExecutionArn> {
        self.store.read(&self.stage).await.unwrap().map(|stored| stored.lock.owner)
    }

    async fn queue(&self) -> Vec<ExecutionArn> {
        let queue = self.store.waiters(&self.stage).await.unwrap();
        queue.into_iter().map(|stored| stored.waiter.execution).collect()
    }
}

#[tokio::test]
async fn t08_who_takes_a_release_over_has_its_lock_with_what_is_noted_there_and_the_dead_has_not() {
    let world = World::new();
    let release = given::release(&given::exchange(), 'a', "2026-11-21T12:00:00Z");
    world.store.given_release(&release);
    let (first, later) = (release.execution.clone(), execution("later"));
    let comes_to = async |execution: &ExecutionArn, with: &str, stage: &StageName| {
        let World { store, tokens, clock, .. } = &world;
        let input = AcquireLockInput {
            execution: execution.clone(),
            release: release.id.clone(),
            stage: stage.clone(),
            token: token(with),
        };
        AcquireLock { locks: store, releases: store, tokens, clock }.run(input).await
    };
    let comes = async |execution: &ExecutionArn, with: &str| comes_to(execution, with, &world.stage).await;
    comes(&first, "first").await.unwrap();
    let (rollout, plan) = (execution("rollout"), given::plan_hash('d'));
    world.store.record_rollout(&world.stage, &first, &rollout, &plan, PlanKind::Release).await.unwrap();

    // Nobody said that this one has the release.
    assert!(matches!(comes(&later, "early").await, Err(AcquireLockError::NotIts { .. })));
    assert_eq!((world.owner().await, world.queue().await.len()), (Some(first.clone()), 0));

    Releases::take_over(&world.store, &release.id, &first, &later).await.unwrap();
    // It has died in this stage and in no other.
    let other = given::stage("preproduction");
    assert!(matches!(comes_to(&later, "x", &other).await, Err(AcquireLockError::NotLeft { .. })));
    assert!(world.store.read(&other).await.unwrap().is_none());
    comes(&later, "later").await.unwrap();
    comes(&later, "again").await.unwrap();
    let lock = world.store.read(&world.stage).await.unwrap().unwrap().lock;
    assert_eq!((lock.owner, lock.rollout, lock.plan), (later.clone(), Some(rollout), Some(plan)));
    assert_eq!(world.tokens.succeeded(), ["first", "later", "again"]);

    // Somebody starts the dead one again from where it stood (T28).
    assert!(matches!(comes(&first, "redriven").await, Err(AcquireLockError::NotIts { .. })));
    assert_eq!(world.owner().await, Some(later.clone()));
    let failed = world.tokens.failed();
    assert!(
        failed
            .iter()
            .any(|(token, error, _)| token == "redriven" && *error == ErrorName::ReleaseAlreadyClaimed)
    );

    // A task that was under way when the lock went over is not forgotten.
    let task = "arn:aws:ecs:us-west-2:111122223333:task/c/late".parse().unwrap();
    assert_eq!(world.store.record_task(&world.stage, &release.id, &task).await.unwrap(), Fenced::Written);
    assert_eq!(world.store.read(&world.stage).await.unwrap().unwrap().lock.tasks, [task]);
}

#[tokio::test]
async fn t28_a_release_that_has_ended_takes_no_lock() {
    let world = World::new();
    let release = given::release(&given::exchange(), 'a', "2026-11-21T12:00:00Z");
    world.store.given_release(&release);
    let ended = Notice::Ended { end: End::FailedClean, stage: None, reason: String::new(), next: None };
    let ended = NewNotice::new(release.claimed_at, ended);
    Releases::end(&world.store, &release.id, End::FailedClean, "", &ended).await.unwrap();
    let World { store, tokens, clock, stage } = &world;
    let input = AcquireLockInput {
        execution: release.execution.clone(),
        release: release.id.clone(),
        stage: stage.clone(),
        token: token("redriven"),
    };
    let step = AcquireLock { locks: store, releases: store, tokens, clock };
    assert!(matches!(step.run(input).await, Err(AcquireLockError::NotIts { .. })));
    assert_eq!((world.owner().await, world.queue().await.len()), (None, 0));
}

#[tokio::test]
async fn a_rollback_that_a_person_asked_for_goes_before_who_came_earlier() {
    let world = World::new();
    world.acquire("one").await;
    world.acquire("two").await;
    let mut rollback = given::release(&given::exchange(), 'a', "2026-11-21T12:00:00Z");
    rollback.id = release_id("rollback");
    rollback.execution = execution("rollback");
    let (stage, components) = (world.stage.clone(), Vec::new());
    rollback.undoes = Some(Undoing { stage, components, to: None });
    world.store.given_release(&rollback);
    world.acquire("rollback").await;
    assert!(world.release("one").await);
    assert_eq!(world.owner().await, Some(execution("rollback")));
    assert_eq!(world.queue().await, [execution("two")]);
}

#[tokio::test]
async fn a_free_lock_is_taken_and_its_own_token_answered() {
    let world = World::new();
    world.acquire("one").await;
    assert_eq!(world.owner().await, Some(execution("one")));
    assert_eq!(world.tokens.succeeded(), ["one"]);
    let stored = world.store.read(&world.stage).await.unwrap().unwrap();
    assert!(stored.unanswered.is_none(), "nothing is left for the sweeper");
}

#[tokio::test]
async fn t09_of_many_at_once_one_has_the_lock_and_the_others_get_it_in_turn() {
    for seed in 0..40 {
        let world = World::new();
        world.store.faults.shuffle(seed);
        let names: Vec<String> = (0..12).map(|n| format!("release-{n}")).collect();
        join_all(names.iter().map(|name| world.acquire(name))).await;
        let mut had_it = Vec::new();
        while let Some(owner) = world.owner().await {
            let name = names.iter().find(|name| execution(name) == owner).unwrap();
            had_it.push(name.clone());
            assert_eq!(
                world.tokens.succeeded(),
                had_it,
                "each is told when the lock is its own, seed {seed}"
            );
            assert!(world.release(name).await);
        }
        had_it.sort();
        let mut all = names.clone();
        all.sort();
        assert_eq!(had_it, all, "seed {seed}");
        assert!(world.queue().await.is_empty(), "seed {seed}");
    }
}

#[tokio::test]
async fn the_oldest_waiter_comes_first_and_is_told_of_the_wait_once() {
    let world = World::new();
    for name in ["one", "two", "three"] {
        world.acquire(name).await;
    }
    assert_eq!(world.queue().await, [execution("two"), execution("three")]);
    let told = world.store.notices(&release_id("two"));
    assert_eq!(told, [Notice::WaitingForLock { stage: world.stage.clone(), held_by: "one".to_owned() }]);
    assert!(world.release("one").await);
    assert_eq!(world.owner().await, Some(execution("two")));
    assert_eq!(world.tokens.succeeded(), ["one", "two"]);
}

#[tokio::test]
async fn somebody_who_queues_while_the_lock_is_released_is_not_forgotten() {
    for seed in 0..60 {
        let world = World::new();
        world.acquire("one").await;
        world.store.faults.shuffle(seed);
        let (_, released) = futures::join!(world.acquire("two"), world.release("one"));
        assert!(released, "seed {seed}");
        assert_eq!(world.owner().await, Some(execution("two")), "seed {seed}");
        assert_eq!(world.tokens.succeeded(), ["one", "two"], "seed {seed}");
    }
}

#[tokio::test]
async fn t08_releasing_twice_is_releasing_once() {
    let world = World::new();
    world.acquire("one").await;
    world.acquire("two").await;
    assert!(world.release("one").await);
    assert!(!world.release("one").await, "the lock is another's by now");
    assert_eq!(world.owner().await, Some(execution("two")));
    assert!(world.release("two").await);
    assert_eq!(world.owner().await, None);
    assert!(!world.release("two").await);
}

#[tokio::test]
async fn t08_a_lost_answer_of_every_write_is_made_good_by_doing_it_again() {
    for call in ["take", "wait", "pass", "lock_answered"] {
        let world = World::new();
        let faulty = if call == "take" || call == "lock_answered" { "one" } else { "two" };
        if faulty == "two" {
            world.acquire("one").await;
        }
        world.store.faults.plan(call, Fault::AnswerLost);
        if call == "pass" {
            world.acquire("two").await;
            let World { store, tokens, clock, .. } = &world;
            let seen = store.read(&world.stage).await.unwrap().unwrap().lock;
            let lost = PassLock { locks: store, releases: store, tokens, clock }.pass_on(&seen).await;
            assert!(lost.is_err());
            // The new owner's state was not told; its lock's row says so to the sweeper.
            let stored = store.read(&world.stage).await.unwrap().unwrap();
            assert_eq!(stored.unanswered.as_ref().map(|token| token.expose()), Some("two"));
            continue;
        }
        let first = world.try_acquire(faulty, "first-token").await;
        assert_eq!(first.is_err(), call != "lock_answered", "{call}");
        world.try_acquire(faulty, "second-token").await.unwrap();
        if faulty == "two" {
            assert!(world.release("one").await);
        }
        assert_eq!(world.owner().await, Some(execution(faulty)), "{call}");
        assert_eq!(world.tokens.succeeded().last().map(String::as_str), Some("second-token"), "{call}");
        assert!(world.queue().await.is_empty(), "{call}");
    }
}

#[tokio::test]
async fn a_failure_is_told_to_the_waiting_state_at_once() {
    let world = World::new();
    world.store.faults.plan("take", Fault::Refused);
    world.try_acquire("one", "one").await.unwrap_err();
    let failed = world.tokens.failed();
    assert_eq!((failed[0].0.as_str(), failed[0].1), ("one", ErrorName::Unavailable));
    assert!(failed[0].2.contains("planned by the test"), "the whole chain: {}", failed[0].2);
}

#[tokio::test]
async fn t20_a_kept_lock_is_not_released_and_waiters_read_why() {
    let world = World::new();
    world.acquire("one").await;
    let kept = world.store.keep(&world.stage, &execution("one"), "web never started").await.unwrap();
    assert_eq!(kept, Fenced::Written);
    world.acquire("two").await;
    assert!(!world.release("one").await);
    assert_eq!(world.owner().await, Some(execution("one")));
    let Some(Notice::WaitingForLock { held_by, .. }) = world.store.notices(&release_id("two")).pop() else {
        panic!("the waiter is told")
    };
    assert_eq!(held_by, "one (kept: web never started)");
}

#[tokio::test]
async fn a_state_that_runs_again_while_the_lock_is_handed_to_its_earlier_run_is_answered() {
    for seed in 0..200 {
        let world = World::new();
        world.acquire("one").await;
        world.store.faults.plan("wait", Fault::AnswerLost);
        world.try_acquire("two", "first-token").await.unwrap_err();
        world.store.faults.shuffle(seed);
        let (again, released) =
            futures::join!(world.try_acquire("two", "second-token"), world.release("one"));
        again.unwrap();
        assert!(released, "seed {seed}");
        assert_eq!(world.owner().await, Some(execution("two")), "seed {seed}");
        let told = world.tokens.succeeded();
        assert!(told.iter().any(|token| token == "second-token"), "seed {seed}: {told:?}");
    }
}

#[tokio::test]
async fn t08_an_owner_that_was_left_in_the_queue_does_not_get_the_lock_back() {
    let world = World::new();
    world.acquire("one").await;
    world.acquire("two").await;
    // As when it queued, found the lock free after all, and another had queued before it.
    let stage = world.stage.clone();
    let held_by = "nobody".to_owned();
    let left = Waiter {
        stage: stage.clone(),
        execution: execution("one"),
        release: release_id("one"),
        since: "2026-11-21T12:01:00Z".parse().unwrap(),
    };
    let notice = NewNotice::new(left.since, Notice::WaitingForLock { stage, held_by });
    world.store.wait(&left, &token("stale"), &notice).await.unwrap();
    assert!(world.release("one").await);
    assert_eq!((world.owner().await, world.queue().await), (Some(execution("two")), vec![]));
    assert!(world.release("two").await);
    assert_eq!(world.owner().await, None);
}

/// Locks whose rows are never passed on: somebody else always changes them first.
struct Restless<'a>(&'a MemoryStore);

#[async_trait::async_trait]
impl Locks for Restless<'_> {
    async fn read(&self, stage: &StageName) -> Result<Option<StoredLock>, PortError> {
        self.0.read(stage).await
    }
    async fn take(&self, lock: &Lock, token: &TaskToken) -> Result<Taken, PortError> {
        self.0.take(lock, token).await
    }
    async fn answered(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<(), PortError> {
        Locks::answered(self.0, stage, owner, token).await
    }
    async fn take_over(
        &self,
        stage: &StageName,
        from: &ExecutionArn,
        to: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<Fenced, PortError> {
        Locks::take_over(self.0, stage, from, to, token).await
    }
    async fn record_rollout(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        rollout: &ExecutionArn,
        plan: &PlanHash,
        kind: PlanKind,
    ) -> Result<Fenced, PortError> {
        self.0.record_rollout(stage, owner, rollout, plan, kind).await
    }
    async fn record_task(
        &self,
        stage: &StageName,
        release: &ReleaseId,
        task: &TaskArn,
    ) -> Result<Fenced, PortError> {
        self.0.record_task(stage, release, task).await
    }
    async fn free_kept(&self, stage: &StageName, owner: &ExecutionArn) -> Result<Fenced, PortError> {
        self.0.free_kept(stage, owner).await
    }
    async fn keep(&self, stage: &StageName, owner: &ExecutionArn, reason: &str) -> Result<Fenced, PortError> {
        self.0.keep(stage, owner, reason).await
    }
    async fn turn_back(&self, _: &StageName, _: &ExecutionArn, _: &ReleaseId) -> Result<Fenced, PortError> {
        Ok(Fenced::Lost)
    }

    async fn wait(&self, waiter: &Waiter, token: &TaskToken, notice: &NewNotice) -> Result<(), PortError> {
        self.0.wait(waiter, token, notice).await
    }
    async fn waiters(&self, stage: &StageName) -> Result<Vec<StoredWaiter>, PortError> {
        self.0.waiters(stage).await
    }
    async fn leave(&self, waiter: &Waiter) -> Result<(), PortError> {
        self.0.leave(waiter).await
    }
    async fn free(&self, _: &Lock) -> Result<Fenced, PortError> {
        Ok(Fenced::Lost)
    }
    async fn pass(&self, _: Option<&Lock>, _: &StoredWaiter, _: Timestamp) -> Result<Fenced, PortError> {
        Ok(Fenced::Lost)
    }
}

#[tokio::test]
async fn t08_a_lock_that_could_not_be_passed_on_is_not_called_released() {
    let world = World::new();
    world.acquire("one").await;
    let World { store, tokens, clock, .. } = &world;
    let pass = PassLock { locks: &Restless(store), releases: store, tokens, clock };
    let seen = store.read(&world.stage).await.unwrap().unwrap().lock;
    let error = pass.pass_on(&seen).await.unwrap_err();
    assert!(error.name().is_retryable(), "the state tries again: {error}");
    assert_eq!(world.owner().await, Some(execution("one")));
}

#[tokio::test]
async fn t08_a_lock_in_which_a_rollout_has_just_noted_itself_is_not_passed_on() {
    let world = World::new();
    world.acquire("one").await;
    let World { store, tokens, clock, .. } = &world;
    let seen = store.read(&world.stage).await.unwrap().unwrap().lock;
    let (owner, plan) = (execution("one"), given::plan_hash('1'));
    let noted =
        store.record_rollout(&world.stage, &owner, &execution("rollout"), &plan, PlanKind::Release).await;
    assert_eq!(noted.unwrap(), Fenced::Written);
    let error = PassLock { locks: store, releases: store, tokens, clock }.pass_on(&seen).await.unwrap_err();
    assert!(error.name().is_retryable(), "whoever looked looks again: {error}");
    assert_eq!(store.free(&seen).await.unwrap(), Fenced::Lost);
    assert_eq!(world.owner().await, Some(owner));
    let now = store.read(&world.stage).await.unwrap().unwrap().lock;
    assert!(PassLock { locks: store, releases: store, tokens, clock }.pass_on(&now).await.unwrap());
}

#[tokio::test]
async fn t21_only_a_rollback_that_a_person_asked_for_makes_the_owner_turn_back() {
    let wanted = async |world: &World| world.store.read(&world.stage).await.unwrap().unwrap().turn_back;
    let world = World::new();
    world.acquire("one").await;
    let usual = given::release(&given::exchange(), 'b', "2026-11-21T12:01:00Z");
    let mut back = given::release(&given::exchange(), 'c', "2026-11-21T12:02:00Z");
    back.undoes = Some(Undoing { stage: world.stage.clone(), components: Vec::new(), to: None });
    let comes = async |release: &gantry_domain::release::Release| {
        world.store.given_release(release);
        let World { store, tokens, clock, .. } = &world;
        let input = AcquireLockInput {
            execution: release.execution.clone(),
            release: release.id.clone(),
            stage: world.stage.clone(),
            token: token(release.id.as_str()),
        };
        AcquireLock { locks: store, releases: store, tokens, clock }.run(input).await.unwrap();
    };
    comes(&usual).await;
    assert_eq!(wanted(&world).await, None);
    comes(&back).await;
    assert_eq!(wanted(&world).await, Some(back.id.clone()));
    // The wish was the owner's to heed: whoever has the lock next begins without it.
    assert!(world.release("one").await);
    assert_eq!((world.owner().await, wanted(&world).await), (Some(back.execution), None));
}
