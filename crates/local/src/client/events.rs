//! EventBridge: what AWS services would put on the bus, and the schedules that the local world ticks itself.

use serde_json::{Value, json};

use super::{Client, ClientError, EVENTS, unexpected};

/// A target of a rule that fires on a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledTarget {
    /// The rule.
    pub rule: String,
    /// For example `rate(1 minute)`.
    pub expression: String,
    /// ARN of what it calls.
    pub target: String,
    /// The fixed input, if the rule has one.
    pub input: Option<String>,
}

impl Client {
    /// Puts one event on the default bus.
    pub async fn put_event(
        &self,
        source: &str,
        detail_type: &str,
        resources: &[String],
        detail: &Value,
    ) -> Result<(), ClientError> {
        let entry = json!({
            "Source": source, "DetailType": detail_type, "Resources": resources, "Detail": detail.to_string(),
        });
        let answer = self.json(EVENTS, "PutEvents", &json!({ "Entries": [entry] })).await?;
        match answer["FailedEntryCount"].as_u64() {
            Some(0) | None => Ok(()),
            Some(_) => Err(unexpected("PutEvents", answer["Entries"].to_string())),
        }
    }

    /// Every target of a rule with a schedule.
    pub async fn scheduled_targets(&self) -> Result<Vec<ScheduledTarget>, ClientError> {
        let rules = self.json(EVENTS, "ListRules", &json!({})).await?;
        let mut found = Vec::new();
        for rule in rules["Rules"].as_array().into_iter().flatten() {
            let (Some(name), Some(expression)) = (rule["Name"].as_str(), rule["ScheduleExpression"].as_str())
            else {
                continue;
            };
            if expression.is_empty() {
                continue;
            }
            let targets = self.json(EVENTS, "ListTargetsByRule", &json!({ "Rule": name })).await?;
            for target in targets["Targets"].as_array().into_iter().flatten() {
                found.push(ScheduledTarget {
                    rule: name.to_owned(),
                    expression: expression.to_owned(),
                    target: target["Arn"].as_str().unwrap_or_default().to_owned(),
                    input: target["Input"].as_str().map(str::to_owned),
                });
            }
        }
        Ok(found)
    }

    /// Keeps a rule from firing.
    pub async fn disable_rule(&self, rule: &str) -> Result<(), ClientError> {
        self.json(EVENTS, "DisableRule", &json!({ "Name": rule })).await.map(drop)
    }
}
