//! The service scheduler's choice: which task to start or stop next, within the service's minimum and maximum percent.
//!
//! Pure: it sees tasks and bounds, nothing else.

use serde_json::Value;

use super::model::Service;

/// What the scheduler does next for a service.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Start,
    Stop(u64),
}

/// A task as the scheduler sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) serial: u64,
    pub(crate) primary: bool,
    pub(crate) wanted: bool,
    pub(crate) healthy: bool,
    /// Its containers may still run, so it takes a place under the maximum.
    pub(crate) occupies: bool,
}

/// How many tasks a service may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) desired: usize,
    pub(crate) minimum: usize,
    pub(crate) maximum: usize,
}

impl Bounds {
    /// What the service asks for.
    pub(crate) fn of(service: &Service) -> Self {
        let configuration = service.settings.get("deploymentConfiguration");
        let percent = |name: &str, default: u64| {
            let value =
                configuration.and_then(|configuration| configuration.get(name)).and_then(Value::as_u64);
            usize::try_from(value.unwrap_or(default)).unwrap_or(usize::MAX)
        };
        let desired = service.desired;
        Self {
            desired,
            minimum: desired.saturating_mul(percent("minimumHealthyPercent", 100)).div_ceil(100),
            maximum: desired.saturating_mul(percent("maximumPercent", 200)) / 100,
        }
    }
}

/// The next thing to do, one at a time so that every decision sees the effect of the one before.
pub(crate) fn next_action(bounds: Bounds, tasks: &[Seen]) -> Option<Action> {
    let wanted = |primary: bool| tasks.iter().filter(move |task| task.wanted && task.primary == primary);
    let new = wanted(true).count();
    let old = wanted(false).count();
    if new > bounds.desired {
        // The least useful first: not healthy, then youngest.
        let surplus = wanted(true).min_by_key(|task| (task.healthy, std::cmp::Reverse(task.serial)))?;
        return Some(Action::Stop(surplus.serial));
    }
    let room = bounds.maximum.saturating_sub(tasks.iter().filter(|task| task.occupies).count());
    if old > 0 && (new + old > bounds.desired || room == 0) {
        let oldest = wanted(false).min_by_key(|task| (task.healthy, task.serial))?;
        let healthy = tasks.iter().filter(|task| task.wanted && task.healthy).count();
        if !oldest.healthy || healthy > bounds.minimum {
            return Some(Action::Stop(oldest.serial));
        }
    }
    (new < bounds.desired && room > 0).then_some(Action::Start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(serial: u64, primary: bool, healthy: bool) -> Seen {
        Seen { serial, primary, wanted: true, healthy, occupies: true }
    }

    #[test]
    fn the_scheduler_keeps_within_its_bounds() {
        let full = Bounds { desired: 2, minimum: 2, maximum: 4 };
        let half = Bounds { desired: 2, minimum: 1, maximum: 2 };
        let single = Bounds { desired: 1, minimum: 0, maximum: 1 };
        let stuck = Bounds { desired: 1, minimum: 1, maximum: 1 };
        let (old, new) = (|serial| seen(serial, false, true), |serial, healthy| seen(serial, true, healthy));
        let leaving = Seen { wanted: false, ..seen(1, false, false) };
        let gone = Seen { occupies: false, ..leaving };
        let cases: [(Bounds, Vec<Seen>, Option<Action>); 10] = [
            (full, vec![old(1), old(2)], Some(Action::Start)),
            (full, vec![old(1), old(2), new(3, false), new(4, false)], None),
            (full, vec![old(1), old(2), new(3, true), new(4, false)], Some(Action::Stop(1))),
            (half, vec![old(1), old(2)], Some(Action::Stop(1))),
            (half, vec![leaving, old(2)], None),
            (half, vec![gone, old(2)], Some(Action::Start)),
            (single, vec![old(1)], Some(Action::Stop(1))),
            (single, vec![leaving], None),
            (stuck, vec![old(1)], None),
            (full, vec![new(1, true), new(2, false), new(3, true)], Some(Action::Stop(2))),
        ];
        for (bounds, tasks, wanted) in cases {
            assert_eq!(next_action(bounds, &tasks), wanted, "{bounds:?} {tasks:?}");
        }
    }
}
