//! What GitHub shows of a release, as text that fits a snapshot.

use std::fmt::Write as _;

use gantry_simulator::faults::Fault;
use serde_json::Value;

use crate::deeds::Work;
use crate::story::Story;

/// A vendor that a story breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Statuses and deployments. Webhooks and the compare API go on.
    GitHub,
}

impl Story {
    /// The statuses of a commit and its deployments with theirs, in the order they came.
    pub fn github_shows(&self, work: &Work) -> String {
        let github = &self.world.simulation.github;
        let word = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let mut shown = String::new();
        for status in github.statuses(&work.sha) {
            let (state, words) = (word(&status, "state"), word(&status, "description"));
            let _ = writeln!(shown, "{}: {state}, {words}", word(&status, "context"));
        }
        for deployment in github.deployments(&work.sha) {
            let statuses = deployment["statuses"].as_array().into_iter().flatten();
            let states: Vec<String> = statuses.map(|status| word(status, "state")).collect();
            let kind = if deployment["production_environment"] == true { " (production)" } else { "" };
            let environment = word(&deployment, "environment");
            let _ = writeln!(shown, "deployment to {environment}{kind}: {}", states.join(", "));
        }
        self.name(&shown)
    }

    /// From now on a vendor answers like this, or as it should.
    pub fn breaks(&self, vendor: Vendor, fault: Option<Fault>) {
        match vendor {
            Vendor::GitHub => self.world.simulation.github.break_always(fault),
        }
    }

    /// How many calls of a vendor went wrong on purpose.
    pub fn broken_calls(&self, vendor: Vendor) -> usize {
        match vendor {
            Vendor::GitHub => self.world.simulation.github.broken_calls(),
        }
    }
}
