//! Settings of a function, from its environment.
//!
//! The only place that reads the environment. A setting that is missing or odd names its variable and never repeats a
//! value.

use std::collections::BTreeMap;

use gantry_domain::names::SlackId;
use gantry_domain::{Scale, ScaleError};
use gantry_integrations::github::{GitHubSettings, GitHubTellerSettings};
use gantry_integrations::monday::MondayTellerSettings;
use gantry_integrations::slack::SlackSettings;
use jiff::Timestamp;

use crate::telemetry::DEFAULT_FILTER;

/// Where settings come from.
pub trait Source: Send + Sync {
    /// The variable's value. An empty one counts as absent.
    fn get(&self, variable: &str) -> Option<String>;
}

/// The process's environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Environment;

impl Source for Environment {
    fn get(&self, variable: &str) -> Option<String> {
        std::env::var(variable).ok().filter(|value| !value.trim().is_empty())
    }
}

impl Source for BTreeMap<&str, &str> {
    fn get(&self, variable: &str) -> Option<String> {
        BTreeMap::get(self, variable)
            .filter(|value| !value.trim().is_empty())
            .map(|value| (*value).to_owned())
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// Not set.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// Set to something else.
    #[error("environment variable {variable} is not {expected}")]
    Malformed {
        /// The variable.
        variable: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// The clock's factor.
    #[error("environment variable GANTRY_CLOCK_FACTOR cannot be used")]
    Factor(#[source] ScaleError),
}

/// The settings of one function. Each is looked up when the function is wired, at its cold start.
pub struct Settings {
    source: Box<dyn Source>,
}

impl Settings {
    /// Settings from there.
    pub fn new(source: impl Source + 'static) -> Self {
        Self { source: Box::new(source) }
    }

    /// The table of releases, their logs and what is known of commits.
    pub fn releases_table(&self) -> Result<String, SettingError> {
        self.required("GANTRY_RELEASES_TABLE")
    }

    /// The table of approvals.
    pub fn approvals_table(&self) -> Result<String, SettingError> {
        self.required("GANTRY_APPROVALS_TABLE")
    }

    /// The table of locks.
    pub fn locks_table(&self) -> Result<String, SettingError> {
        self.required("GANTRY_LOCKS_TABLE")
    }

    /// The ARN of the release machine.
    pub fn release_machine(&self) -> Result<String, SettingError> {
        const VARIABLE: &str = "GANTRY_RELEASE_MACHINE";
        let arn = self.required(VARIABLE)?;
        if arn.starts_with("arn:") && arn.contains(":stateMachine:") {
            return Ok(arn);
        }
        Err(SettingError::Malformed { variable: VARIABLE, expected: "the ARN of a state machine" })
    }

    /// The URL of the dead-letter queue.
    pub fn dead_letter_queue(&self) -> Result<String, SettingError> {
        self.address("GANTRY_DEAD_LETTER_QUEUE", None)
    }

    /// The secret that Slack signs with.
    pub fn slack_signing_secret(&self) -> Result<String, SettingError> {
        self.required("GANTRY_SLACK_SIGNING_SECRET")
    }

    /// The secret that GitHub signs with.
    pub fn github_webhook_secret(&self) -> Result<String, SettingError> {
        self.required("GANTRY_GITHUB_WEBHOOK_SECRET")
    }

    /// Slack's addresses, and the secret that holds the token.
    pub fn slack(&self, channel: SlackId) -> Result<SlackSettings, SettingError> {
        Ok(SlackSettings {
            api: self.address("GANTRY_SLACK_BASE_URL", Some("https://slack.com/api"))?,
            hooks: self.address("GANTRY_SLACK_HOOKS_URL", Some("https://hooks.slack.com"))?,
            token: self.required("GANTRY_SLACK_TOKEN_SECRET")?,
            channel,
        })
    }

    /// GitHub's address, and the secret that holds the token, if there is one.
    pub fn github(&self) -> Result<GitHubSettings, SettingError> {
        Ok(GitHubSettings {
            api: self.address("GANTRY_GITHUB_BASE_URL", Some("https://api.github.com"))?,
            token: self.source.get("GANTRY_GITHUB_TOKEN_SECRET"),
        })
    }

    /// GitHub's address, and the secret of the token that may write.
    pub fn github_teller(&self) -> Result<GitHubTellerSettings, SettingError> {
        let api = self.github()?.api;
        Ok(GitHubTellerSettings { api, token: self.required("GANTRY_GITHUB_STATUS_TOKEN_SECRET")? })
    }

    /// Monday's address, and the secret of its token.
    pub fn monday_teller(&self) -> Result<MondayTellerSettings, SettingError> {
        Ok(MondayTellerSettings {
            api: self.address("GANTRY_MONDAY_BASE_URL", Some("https://api.monday.com/v2"))?,
            token: self.required("GANTRY_MONDAY_TOKEN_SECRET")?,
            github: self.github()?.api,
        })
    }

    /// The clock: real time unless both its variables are set.
    pub fn scale(&self) -> Result<Scale, SettingError> {
        const ORIGIN: &str = "GANTRY_CLOCK_ORIGIN";
        const FACTOR: &str = "GANTRY_CLOCK_FACTOR";
        let (origin, factor) = match (self.source.get(ORIGIN), self.source.get(FACTOR)) {
            (None, None) => return Ok(Scale::REAL),
            (Some(origin), Some(factor)) => (origin, factor),
            (Some(_), None) => return Err(SettingError::Missing(FACTOR)),
            (None, Some(_)) => return Err(SettingError::Missing(ORIGIN)),
        };
        let origin: Timestamp = origin
            .parse()
            .map_err(|_| SettingError::Malformed { variable: ORIGIN, expected: "an RFC 3339 time" })?;
        let factor: f64 =
            factor.parse().map_err(|_| SettingError::Malformed { variable: FACTOR, expected: "a number" })?;
        Scale::new(origin, factor).map_err(SettingError::Factor)
    }

    /// The folder that holds the function's files.
    pub fn task_root(&self) -> String {
        self.source.get("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned())
    }

    /// Which log lines are written.
    pub fn log_filter(&self) -> String {
        self.source.get("GANTRY_LOG").unwrap_or_else(|| DEFAULT_FILTER.to_owned())
    }

    fn required(&self, variable: &'static str) -> Result<String, SettingError> {
        self.source.get(variable).ok_or(SettingError::Missing(variable))
    }

    fn address(&self, variable: &'static str, default: Option<&str>) -> Result<String, SettingError> {
        let address = match (self.source.get(variable), default) {
            (Some(address), _) => address,
            (None, Some(default)) => default.to_owned(),
            (None, None) => return Err(SettingError::Missing(variable)),
        };
        if address.starts_with("https://") || address.starts_with("http://") {
            return Ok(address.trim_end_matches('/').to_owned());
        }
        Err(SettingError::Malformed { variable, expected: "an http or https address" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&'static str, &'static str)]) -> Settings {
        Settings::new(pairs.iter().copied().collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn a_missing_or_empty_setting_is_named() {
        for empty in [settings(&[]), settings(&[("GANTRY_LOCKS_TABLE", " ")])] {
            let error = empty.locks_table().unwrap_err();
            assert_eq!(error.to_string(), "environment variable GANTRY_LOCKS_TABLE is not set");
        }
    }

    #[test]
    fn an_odd_setting_is_named_and_not_repeated() {
        let odd = settings(&[("GANTRY_SLACK_BASE_URL", "hunter2"), ("GANTRY_RELEASE_MACHINE", "hunter2")]);
        let errors =
            [odd.slack(SlackId::new("C0").unwrap()).unwrap_err(), odd.release_machine().unwrap_err()];
        for error in errors {
            let words = error.to_string();
            assert!(words.contains("GANTRY_") && !words.contains("hunter2"), "{words}");
        }
    }

    #[test]
    fn vendors_are_where_they_are_unless_a_setting_says_otherwise() {
        let slack =
            settings(&[("GANTRY_SLACK_TOKEN_SECRET", "arn:secret"), ("GANTRY_SLACK_HOOKS_URL", "http://h/")])
                .slack(SlackId::new("C0").unwrap())
                .unwrap();
        assert_eq!((&*slack.api, &*slack.hooks), ("https://slack.com/api", "http://h"));
        let github = settings(&[]).github().unwrap();
        assert_eq!((&*github.api, github.token), ("https://api.github.com", None));
    }

    #[test]
    fn the_clock_is_real_unless_both_its_settings_are_there() {
        assert_eq!(settings(&[]).scale().unwrap(), Scale::REAL);
        let origin = ("GANTRY_CLOCK_ORIGIN", "2026-11-21T12:00:00Z");
        let fast = settings(&[origin, ("GANTRY_CLOCK_FACTOR", "60")]).scale().unwrap();
        assert_eq!((fast.factor(), fast.origin().to_string().as_str()), (60.0, origin.1));
        assert_eq!(settings(&[origin]).scale(), Err(SettingError::Missing("GANTRY_CLOCK_FACTOR")));
        assert!(settings(&[origin, ("GANTRY_CLOCK_FACTOR", "0")]).scale().is_err());
        assert!(settings(&[origin, ("GANTRY_CLOCK_FACTOR", "fast")]).scale().is_err());
        assert!(settings(&[("GANTRY_CLOCK_ORIGIN", "now"), ("GANTRY_CLOCK_FACTOR", "60")]).scale().is_err());
    }
}
