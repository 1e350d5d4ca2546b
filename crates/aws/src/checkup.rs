//! What is asked about an installation itself, with the credentials of whoever runs a command. Reads only, and never the
//! value of a secret.

use aws_config::SdkConfig;
use aws_sdk_sfn::error::ProvideErrorMetadata as _;
use aws_sdk_sfn::types::StateMachineStatus;
use aws_sdk_sqs::types::QueueAttributeName;
use gantry_steps::ports::PortError;

use crate::error::{Unreadable, classify};

/// Has a secret a value?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// There is no such secret.
    Missing,
    /// It is there, and nobody has put a value.
    Empty,
    /// It has a value.
    Given,
}

/// Asks about the parts of a stack.
#[derive(Debug, Clone)]
pub struct Checkup {
    machines: aws_sdk_sfn::Client,
    secrets: aws_sdk_secretsmanager::Client,
    queues: aws_sdk_sqs::Client,
}

impl Checkup {
    /// In the configuration's region.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            machines: aws_sdk_sfn::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            queues: aws_sdk_sqs::Client::new(config),
        }
    }

    /// Is the state machine of that ARN there, and not being deleted?
    pub async fn has_machine(&self, arn: &str) -> Result<bool, PortError> {
        match self.machines.describe_state_machine().state_machine_arn(arn).send().await {
            Ok(answer) => Ok(answer.status == Some(StateMachineStatus::Active)),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_state_machine_does_not_exist()) =>
            {
                Ok(false)
            }
            Err(error) => Err(classify(format!("states:DescribeStateMachine {arn}"), error)),
        }
    }

    /// How the secret of that name stands. One that is being deleted counts as missing.
    pub async fn secret(&self, name: &str) -> Result<SecretState, PortError> {
        match self.secrets.describe_secret().secret_id(name).send().await {
            Ok(answer) if answer.deleted_date.is_some() => Ok(SecretState::Missing),
            Ok(answer) => {
                let versions = answer.version_ids_to_stages.unwrap_or_default();
                let current = versions.values().flatten().any(|stage| stage == "AWSCURRENT");
                Ok(if current { SecretState::Given } else { SecretState::Empty })
            }
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(SecretState::Missing)
            }
            Err(error) => Err(classify(format!("secretsmanager:DescribeSecret {name}"), error)),
        }
    }

    /// About how many messages wait in the queue of that name. `None`: there is no such queue.
    pub async fn letters(&self, queue: &str) -> Result<Option<u64>, PortError> {
        let call = format!("sqs:GetQueueAttributes {queue}");
        let url = match self.queues.get_queue_url().queue_name(queue).send().await {
            Ok(answer) => answer.queue_url.ok_or_else(|| Unreadable::Missing("queue URL").of(&call))?,
            Err(error)
                if error.as_service_error().and_then(|error| error.code()).is_some_and(is_no_queue) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(classify(format!("sqs:GetQueueUrl {queue}"), error)),
        };
        let count = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self.queues.get_queue_attributes().queue_url(url).attribute_names(count.clone());
        let answer = request.send().await.map_err(|error| classify(&call, error))?;
        let count = answer.attributes.unwrap_or_default().remove(&count);
        let count = count.and_then(|count| count.parse().ok());
        count.map(Some).ok_or_else(|| Unreadable::Missing("number of messages").of(&call))
    }
}

/// SQS has one name for it in its JSON protocol and another, for those who knew it before, in a header.
fn is_no_queue(code: &str) -> bool {
    matches!(code, "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, StubAws};

    const MACHINE: &str = "arn:aws:states:us-west-2:111122223333:stateMachine:gantry-exchange-release";

    fn asks(answer: Answer) -> Checkup {
        let aws = StubAws::new(move |_| answer.clone());
        Checkup::new(&aws.config())
    }

    #[tokio::test]
    async fn a_machine_is_there_only_while_it_is_active() {
        for (status, there) in [("ACTIVE", true), ("DELETING", false)] {
            let answer = json!({
                "stateMachineArn": MACHINE, "name": "n", "definition": "{}", "roleArn": "r", "type": "STANDARD",
                "creationDate": 0, "status": status,
            });
            assert_eq!(asks(Answer::json(&answer)).has_machine(MACHINE).await.unwrap(), there);
        }
        let gone = Answer::error(400, "StateMachineDoesNotExist", "none");
        assert!(!asks(gone).has_machine(MACHINE).await.unwrap());
        let denied = Answer::error(400, "AccessDeniedException", "no");
        assert!(matches!(asks(denied).has_machine(MACHINE).await, Err(PortError::Denied { .. })));
    }

    #[tokio::test]
    async fn a_secret_without_a_current_version_is_empty() {
        let of = async |answer: Answer| asks(answer).secret("gantry/exchange/slack-token").await;
        let given = json!({"Name": "n", "VersionIdsToStages": {"v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT"]}});
        assert_eq!(of(Answer::json(&given)).await.unwrap(), SecretState::Given);
        for empty in
            [json!({"Name": "n"}), json!({"Name": "n", "VersionIdsToStages": {"v1": ["AWSPENDING"]}})]
        {
            assert_eq!(of(Answer::json(&empty)).await.unwrap(), SecretState::Empty);
        }
        let mut deleted = given;
        deleted["DeletedDate"] = json!(1_795_000_000);
        assert_eq!(of(Answer::json(&deleted)).await.unwrap(), SecretState::Missing);
        let none = Answer::error(400, "ResourceNotFoundException", "none");
        assert_eq!(of(none).await.unwrap(), SecretState::Missing);
        let denied = Answer::error(400, "AccessDeniedException", "no");
        assert!(matches!(of(denied).await, Err(PortError::Denied { .. })));
    }

    #[tokio::test]
    async fn letters_are_counted_and_a_queue_that_is_not_there_is_told_apart() {
        let aws = StubAws::new(|asked| match asked.operation.as_str() {
            "GetQueueUrl" => Answer::json(&json!({"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q"})),
            _ => Answer::json(&json!({"Attributes": {"ApproximateNumberOfMessages": "3"}})),
        });
        assert_eq!(Checkup::new(&aws.config()).letters("q").await.unwrap(), Some(3));
        let none = Answer::error(400, "com.amazonaws.sqs#QueueDoesNotExist", "none");
        assert_eq!(asks(none).letters("q").await.unwrap(), None);
        let odd = asks(Answer::json(&json!({"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q"})));
        assert!(matches!(odd.letters("q").await, Err(PortError::Malformed { .. })));
    }
}
