//! What a person would look at first when a release does not get on: executions, refused calls, failed webhooks, and the
//! last words of functions that complained.

use std::fmt::Write as _;

use crate::executions::told;
use crate::world::World;

/// How many of a function's last lines are shown.
const LINES: usize = 6;

impl World {
    /// A report for people. It never fails: what cannot be asked is left out.
    pub async fn diagnosis(&self) -> String {
        let mut report = format!("executions:\n{}\n", told(&self.executions.now()));
        for call in self.simulation.journal.calls() {
            if let Err(error) = &call.outcome {
                let _ = writeln!(
                    report,
                    "{} {} was refused to {}: {error}",
                    call.service, call.operation, call.role
                );
            }
        }
        for delivery in self.simulation.github.deliveries() {
            if delivery.status.is_none_or(|status| status >= 300) {
                let status = delivery.status.map_or("nothing".to_owned(), |status| status.to_string());
                let _ = writeln!(
                    report,
                    "GitHub's {} was answered with {status}: {}",
                    delivery.event, delivery.response
                );
            }
        }
        for function in &self.stack.functions {
            let lines = self.client.function_log(&function.name).await.unwrap_or_default();
            let complains =
                |line: &String| ["ERROR", "WARN", "panicked", "error"].iter().any(|word| line.contains(word));
            if lines.iter().any(complains) {
                let _ = writeln!(report, "{} printed:", function.name);
                for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
                    let _ = writeln!(report, "  {}", line.trim_end());
                }
            }
        }
        report
    }
}
