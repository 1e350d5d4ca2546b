//! What holds at every second of any rollout.

use serde_json::json;

use super::stage::{CLUSTER, Stage};
use crate::ecs::ServiceSeed;

struct Counted {
    healthy: u64,
    alive: u64,
}

/// Healthy and not yet stopping tasks of `web`.
fn counted(stage: &Stage) -> Counted {
    let snapshot = stage.ecs.with_world(stage.now(), |world| world.snapshot());
    let tasks = &snapshot.clusters[0].services[0].tasks;
    let count =
        |fits: &dyn Fn(&crate::ecs::TaskView) -> bool| tasks.iter().filter(|task| fits(task)).count() as u64;
    Counted {
        healthy: count(&|task| task.healthy),
        alive: count(&|task| !["DEPROVISIONING", "STOPPED"].contains(&task.status.as_str())),
    }
}

#[test]
fn a_rollout_never_leaves_its_bounds_and_always_ends() {
    for desired in [1_u64, 2, 3, 5] {
        for (minimum, maximum) in [(0, 100), (50, 100), (100, 200), (50, 150), (100, 150), (0, 200)] {
            let mut seed = ServiceSeed::new(CLUSTER, "web", "web", desired as usize);
            seed.settings["deploymentConfiguration"] =
                json!({"minimumHealthyPercent": minimum, "maximumPercent": maximum});
            let mut stage = Stage::with(seed);
            stage.push("2", &[]);
            let second = stage.register("web", "2", json!({}));
            stage.update("web", &second);
            let (floor, ceiling) = ((desired * minimum).div_ceil(100), desired * maximum / 100);
            let stuck = floor == desired && ceiling == desired || ceiling < desired;
            for second in 0..900 {
                let now = counted(stage.at(second));
                let place = format!("desired {desired}, {minimum}..{maximum} %, second {second}");
                assert!(now.healthy >= floor, "{place}: only {} healthy", now.healthy);
                assert!(now.alive <= ceiling.max(desired), "{place}: {} alive", now.alive);
            }
            let ended = stage.deployment("web")["status"] == "SUCCESSFUL";
            assert_eq!(ended, !stuck, "desired {desired}, {minimum}..{maximum} %");
        }
    }
}

#[test]
fn the_world_does_not_depend_on_how_often_it_is_looked_at() {
    let story = |every: i64| {
        let mut stage = Stage::with_web();
        stage.push("2", &[("exit-code", "1"), ("exit-after-seconds", "30")]);
        let second = stage.register("web", "2", json!({}));
        stage.update("web", &second);
        for second in (0..=600).step_by(every as usize) {
            stage.at(second);
        }
        let events = stage.events();
        (
            stage.tasks("web"),
            events.iter().map(|event| event.detail["lastStatus"].to_string()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(story(1), story(600));
}
