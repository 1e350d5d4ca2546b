//! The matrix for people: what was tried where and how it ended, and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use crate::clean::Verdict;
use crate::machines::{Task, Which, waits};
use crate::scene::Scene;

type Played = [(Arc<Scene>, Verdict)];

/// Everything that is not as it should be, case by case; empty when all is well.
pub(crate) fn wrong(played: &Played) -> String {
    let mut text = String::new();
    for (scene, verdict) in played.iter().filter(|(_, verdict)| !verdict.wrong.is_empty()) {
        let case = scene.case();
        let _ = writeln!(text, "\n{}", case.name);
        if let [(place, nth, fault)] = case.faults.as_slice() {
            let _ = writeln!(text, "  call {nth} of {place} {fault}");
        }
        for line in &verdict.wrong {
            let _ = writeln!(text, "  - {line}");
        }
    }
    text
}

/// States down, errors across each line, with the ends that were seen.
pub(crate) fn table(tasks: &[Task], played: &Played) -> String {
    let mut text = String::new();
    let tasks_first = tasks.iter().map(|task| (task.machine, task.name.clone()));
    let waits = waits().into_iter().map(|wait| (Which::Release, wait));
    for (machine, state) in tasks_first.chain(waits) {
        let task = tasks.iter().find(|task| task.machine == machine && task.name == state);
        let mut seen: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let mut count = 0;
        for (scene, verdict) in played {
            for (place, _, fault) in &scene.case().faults {
                if (place.machine, &place.state) != (machine, &state) {
                    continue;
                }
                count += 1;
                let end = verdict.end.map_or_else(|| "no end".to_owned(), |end| end.to_string());
                let passes = if task.is_some_and(|task| fault.passes(task)) { "passes" } else { "stays" };
                let error = format!("{}{}", fault.error(), if fault.is_lasting() { "*" } else { "" });
                seen.entry((end, passes.to_owned())).or_default().insert(error);
            }
        }
        let _ = writeln!(text, "{}.{state}: {count} faults", machine.name());
        for ((end, passes), errors) in seen {
            let errors: Vec<String> = errors.into_iter().collect();
            let _ = writeln!(text, "    {end:<12} {passes:<7} {}", errors.join(" "));
        }
    }
    text
}
