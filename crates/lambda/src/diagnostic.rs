//! From an error to what Step Functions and Lambda see. Nothing else in Gantry builds a `Diagnostic`.

use std::error::Error;

use gantry_domain::ErrorName;
use gantry_integrations::slack;
use gantry_steps::StepError;
use lambda_runtime::Diagnostic;

use crate::configuration::ConfigurationError;
use crate::mask::Mask;
use crate::settings::SettingError;

/// Step Functions takes 32,768 characters; people read less.
const LONGEST: usize = 8_000;

/// Why a function cannot do anything. It answers every invocation with this, so that the reason is seen where it hurts.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A setting.
    #[error("a setting of this function cannot be used")]
    Setting(#[from] SettingError),
    /// The configuration.
    #[error("this function has no configuration")]
    Configuration(#[from] ConfigurationError),
    /// The Slack client.
    #[error("there is no way to Slack")]
    Slack(#[from] slack::SetupError),
    /// Another client.
    #[error("an HTTP client cannot be set up")]
    Http(#[source] Box<dyn Error + Send + Sync>),
}

impl StepError for SetupError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Setting(_) | Self::Configuration(_) | Self::Slack(_) | Self::Http(_) => {
                ErrorName::Misconfigured
            }
        }
    }
}

/// An input that a state does not accept.
#[derive(Debug, thiserror::Error)]
#[error("the state's input is not what it accepts")]
pub(crate) struct InvalidInput(#[from] serde_json::Error);

impl StepError for InvalidInput {
    fn name(&self) -> ErrorName {
        ErrorName::InvalidInput
    }
}

/// The invocation's time ran out. What was under way may have had its effect; the step finds out when it runs again.
#[derive(Debug, thiserror::Error)]
#[error("the function's time ran out before the step was done")]
pub(crate) struct OutOfTime;

impl StepError for OutOfTime {
    fn name(&self) -> ErrorName {
        ErrorName::Unavailable
    }
}

/// What is seen of an error: its name, and the whole chain of causes without secrets.
pub(crate) fn diagnostic(error: &impl StepError, mask: &Mask) -> Diagnostic {
    let words: String = mask.hide(&error.words()).chars().take(LONGEST).collect();
    Diagnostic { error_type: error.name().as_str().to_owned(), error_message: words }
}

#[cfg(test)]
mod tests {
    use gantry_steps::ports::PortError;

    use super::*;

    #[test]
    fn an_error_is_named_for_the_state_machine_and_tells_its_whole_chain() {
        let cause = std::io::Error::other("broken pipe");
        let error = PortError::Unavailable { call: "ecs:UpdateService web".into(), source: cause.into() };
        let seen = diagnostic(&error, &Mask::default());
        assert_eq!(seen.error_type, "Unavailable");
        assert_eq!(seen.error_message, "ecs:UpdateService web got no usable answer: broken pipe");
    }

    #[test]
    fn t37_an_error_holds_no_secret() {
        let mask = Mask::default();
        mask.learn("xoxb-secret");
        let cause = std::io::Error::other("token xoxb-secret is not valid");
        let error = PortError::Denied { call: "slack".into(), source: cause.into() };
        assert_eq!(diagnostic(&error, &mask).error_message, "slack was denied: token *** is not valid");
    }

    #[test]
    fn a_missing_setting_is_misconfiguration_and_named() {
        let error = SetupError::from(SettingError::Missing("GANTRY_LOCKS_TABLE"));
        let seen = diagnostic(&error, &Mask::default());
        assert_eq!(seen.error_type, "Misconfigured");
        assert!(seen.error_message.contains("GANTRY_LOCKS_TABLE is not set"));
    }
}
