//! The failure matrix: the two real definitions in a real interpreter of Step Functions, the real steps over fakes, and
//! each Task failing in each way it can. See "The failure matrix" in `docs/architecture.md`.
#![expect(clippy::unwrap_used, reason = "a test stops where its own ground is missing")]

mod case;
mod cases;
mod clean;
mod machines;
mod oracle;
mod outside;
mod scene;
mod summary;
mod theatre;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;

use crate::case::{Case, Road};
use crate::clean::Verdict;
use crate::machines::{Task, Timing};
use crate::scene::Scene;
use crate::theatre::Theatre;

/// How many executions run at once: enough to hide waiting, few enough that nobody waits long for his turn.
const AT_ONCE: usize = 32;

/// Plays a case and judges it.
async fn play(theatre: &Theatre, tasks: &[Task], case: Case) -> (Arc<Scene>, Verdict) {
    let outside = theatre.outside(&case);
    let scene = Arc::new(Scene::new(case, tasks, outside).await);
    let played = theatre.play(scene.clone()).await;
    let verdict = clean::judge(&scene, tasks, played).await;
    (scene, verdict)
}

async fn play_all(theatre: &Theatre, tasks: &[Task], cases: Vec<Case>) -> Vec<(Arc<Scene>, Verdict)> {
    stream::iter(cases).map(|case| play(theatre, tasks, case)).buffer_unordered(AT_ONCE).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_task_raises_the_release_ends_right_and_the_world_is_clean() {
    let tasks = machines::tasks();
    let begun = Instant::now();
    let timings: Vec<Timing> = tasks.iter().cloned().map(Timing::Short).collect();
    let waits = machines::waits().into_iter().map(Timing::Long);
    let theatre = Theatre::open(&timings.into_iter().chain(waits).collect::<Vec<_>>()).await;
    let rehearsals = play_all(&theatre, &tasks, Road::ALL.map(Case::rehearsal).into()).await;
    let wrong = summary::wrong(&rehearsals);
    assert!(wrong.is_empty(), "without any fault:\n{wrong}");
    let mut passed = BTreeMap::new();
    for (scene, _) in &rehearsals {
        passed.insert(scene.case().road, theatre.passed(scene).await.unwrap());
    }
    let mut cases = cases::all(&tasks, &passed).unwrap();
    if let Ok(wanted) = std::env::var("GANTRY_MATRIX_ONLY") {
        cases.retain(|case| case.name.contains(&wanted));
        assert!(!cases.is_empty(), "no case is named like {wanted}");
    }
    let played = play_all(&theatre, &tasks, cases).await;
    if std::env::var_os("GANTRY_MATRIX_SUMMARY").is_some() {
        println!("{}", summary::table(&tasks, &played));
        println!("{} cases in {:.0?}", played.len(), begun.elapsed());
    }
    let wrong = summary::wrong(&played);
    assert!(wrong.is_empty(), "{wrong}");
}
