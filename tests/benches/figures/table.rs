//! The figures as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::contenders::{Contender, Shown};
use crate::cost::Cost;
use crate::machine::Machine;
use crate::release::{FACTOR, Figures};
use crate::slack::Acknowledged;
use crate::statistics::Sample;

/// One of Gantry's functions.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) cold_start: Sample,
    pub(crate) peak_bytes: u64,
    pub(crate) binary_bytes: u64,
    pub(crate) zip_bytes: u64,
}

/// Everything that was measured.
pub(crate) struct Report<'a> {
    pub(crate) machine: Machine,
    pub(crate) contenders: Vec<(&'a Contender, Shown)>,
    pub(crate) functions: Vec<Function>,
    pub(crate) slack: Acknowledged,
    pub(crate) release: Figures,
    pub(crate) cost: Cost,
}

impl Report<'_> {
    /// The whole text.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.machine);
        self.same_job(&mut text);
        self.release(&mut text);
        self.each_function(&mut text);
        text
    }

    fn same_job(&self, text: &mut String) {
        text.push_str("One job in three languages: read an approval from DynamoDB (two reads), under the same Runtime API.\n\n");
        text.push_str("| | cold start | first call | warm p50 | warm p99 | peak memory | binary | zip |\n|---|---|---|---|---|---|---|---|\n");
        for (contender, shown) in &self.contenders {
            let binary = contender.binary_bytes.map_or_else(|| "needs its runtime".to_owned(), mib);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {binary} | {} |",
                contender.label,
                ms(shown.cold_start.median()),
                ms(shown.first_call.median()),
                ms(shown.warm.percentile(50)),
                ms(shown.warm.percentile(99)),
                mib(shown.peak_bytes),
                mib(contender.zip_bytes),
            );
        }
        if let [(_, rust), ..] = &self.contenders[..] {
            let _ = writeln!(
                text,
                "\nCold start is from the process's start to its first poll for work (median of {} starts in turns, files \
                 cached), warm are {} calls after the first. Python runs under Lambda's own client (awslambdaric), Node under \
                 a bare loop that is leaner than Lambda's. Lambda brings boto3; Node's archive is its bundle.\n",
                rust.cold_start.count(),
                rust.warm.count(),
            );
        }
    }

    fn release(&self, text: &mut String) {
        let Self { release, cost, slack, .. } = self;
        let _ = writeln!(
            text,
            "One release of three components through both stages, in the local world at {FACTOR:.0} times real time; durations \
             are real time, but for the last.\n"
        );
        text.push_str("| | |\n|---|---|\n");
        let rows = [
            ("event of the last image → first call to ECS", ms(release.event_to_call)),
            ("click → first call to production", ms(release.click_to_production)),
            (
                "click → acknowledged, over the HTTP API, function started for it",
                ms(release.click_to_acknowledgement),
            ),
            ("signed request → acknowledgement, secrets cold", ms(slack.cold.median())),
            ("signed request → acknowledgement, secrets warm", ms(slack.warm.median())),
            ("state transitions", format!("{} in {} executions", cost.transitions, release.executions)),
            ("invocations", release.invocations.to_string()),
            ("function time billed, at most", format!("{:.0} s", cost.billed_at_most.as_secs_f64())),
            ("cost of Step Functions and Lambda, at most", format!("{:.4} USD", cost.usd)),
            ("the release took, in its own time", format!("{:.1} min", release.took.as_secs_f64() / 60.0)),
        ];
        for (what, figure) in rows {
            let _ = writeln!(text, "| {what} | {figure} |");
        }
        let _ = writeln!(
            text,
            "\nTransitions are states entered plus a start and an end of each execution. Function time is what was billed here times \
             {FACTOR:.0}, as if all of it were waiting for ECS. Not counted: DynamoDB, EventBridge, the HTTP API, logs, and what \
             stands there while nobody deploys.\n"
        );
    }

    fn each_function(&self, text: &mut String) {
        text.push_str("| function | cold start | peak memory | binary | zip |\n|---|---|---|---|---|\n");
        for function in &self.functions {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                function.name,
                ms(function.cold_start.median()),
                mib(function.peak_bytes),
                mib(function.binary_bytes),
                mib(function.zip_bytes),
            );
        }
        text.push_str("\nPeak memory here is before any work, in the table above after it.\n");
    }
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files and memory, shown with two digits")]
fn mib(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 0.1 { format!("{:.1} KiB", mib * 1024.0) } else { format!("{mib:.1} MiB") }
}
