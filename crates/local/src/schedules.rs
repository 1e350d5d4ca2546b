//! Fires the stack's schedules on the world's clock.
//!
//! MiniStack would fire them on real time, so its rules are switched off and their targets called from here with the
//! event EventBridge would send. Only `rate(…)` is understood: the stack has nothing else.

use std::time::Duration;

use gantry_simulator::clock::WorldClock;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::client::{ACCOUNT, Client, ClientError, REGION, ScheduledTarget};

/// Why schedules cannot be fired.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The bus does not answer.
    #[error("the schedules could not be read")]
    Aws(#[from] ClientError),
    /// An expression of another kind than `rate(…)`.
    #[error("rule {rule} has the schedule {expression}, and the local world only knows rate(…)")]
    Expression {
        /// The rule.
        rule: String,
        /// Its schedule.
        expression: String,
    },
}

/// Schedules that fire until this is dropped.
#[derive(Debug)]
pub struct Schedules {
    tickers: Vec<JoinHandle<()>>,
}

/// Takes all schedules over from MiniStack. Unless `firing`, nothing fires any more.
pub async fn take_over(client: &Client, clock: WorldClock, firing: bool) -> Result<Schedules, ScheduleError> {
    let mut tickers = Vec::new();
    for target in client.scheduled_targets().await? {
        client.disable_rule(&target.rule).await?;
        let pause = rate(&target.expression).ok_or_else(|| ScheduleError::Expression {
            rule: target.rule.clone(),
            expression: target.expression.clone(),
        })?;
        if firing {
            tickers.push(tokio::spawn(fire(client.clone(), clock, target, pause)));
        }
    }
    Ok(Schedules { tickers })
}

impl Drop for Schedules {
    fn drop(&mut self) {
        for ticker in &self.tickers {
            ticker.abort();
        }
    }
}

/// The event of a schedule, as its target gets it.
pub fn scheduled_event(clock: WorldClock, rule: &str) -> Value {
    json!({
        "version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": ACCOUNT, "region": REGION, "detail": {},
        "time": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
    })
}

/// One call at a time: a call that takes longer than the rate delays the next one.
async fn fire(client: Client, clock: WorldClock, target: ScheduledTarget, pause: Duration) {
    loop {
        clock.sleep(pause).await;
        let event = match &target.input {
            Some(input) => serde_json::from_str(input).unwrap_or(Value::Null),
            None => scheduled_event(clock, &target.rule),
        };
        match client.invoke(&target.target, &event).await {
            Ok(answer) if answer.failed => {
                tracing::warn!(rule = target.rule, answer = %answer.payload, "a scheduled call failed")
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(rule = target.rule, %error, "a scheduled call got lost"),
        }
    }
}

fn rate(expression: &str) -> Option<Duration> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count.parse::<u64>().ok()?.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rates_are_understood() {
        assert_eq!(rate("rate(1 minute)"), Some(Duration::from_secs(60)));
        assert_eq!(rate("rate(5 minutes)"), Some(Duration::from_secs(300)));
        assert_eq!(rate("rate(2 hours)"), Some(Duration::from_secs(7200)));
        for odd in ["cron(0 12 * * ? *)", "rate(one minute)", "rate(1 fortnight)", "rate()", ""] {
            assert_eq!(rate(odd), None, "{odd}");
        }
    }
}
