//! Names and identifiers, checked once where they enter, so that nothing later has to doubt or escape them.
//!
//! Each is a string with an allow-list (T35). None of them proves that the named thing exists.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not the name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: expected {expected}")]
pub struct NameError {
    kind: &'static str,
    expected: &'static str,
    text: String,
}

/// At most this much of a wrong name is repeated in the error about it.
const SHOWN: usize = 80;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes a text that satisfies the name's rule, refuses any other.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    let text = text.chars().take(SHOWN).collect();
                    Err(NameError { kind: $kind, expected: $expected, text })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Lower-case letters, digits and single inner hyphens, starting with a letter.
fn is_slug(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What AWS allows in the names of services, clusters, families and containers.
fn is_ecs_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// An ARN of one service and resource prefix, without spaces, control characters, quotes or markup. Step Functions allows
/// letters beyond ASCII in the name a person gives an execution.
fn is_arn(text: &str, service: &str, resource: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    text.len() <= 2048
        && text.chars().all(|c| (c.is_ascii_graphic() || c.is_alphanumeric()) && !"\"'<>\\`".contains(c))
        && parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some(service)
        && parts.next().is_some()
        && parts.next().is_some()
        && parts.next().is_some_and(|rest| rest.len() > resource.len() && rest.starts_with(resource))
}

name!(
    /// A pipeline, for example `exchange`. Part of execution and resource names, hence short.
    PipelineName,
    "a pipeline's name",
    "up to 20 lower-case letters, digits and single hyphens, starting with a letter",
    |text| is_slug(text, 20)
);
name!(
    /// A component, for example `backend`.
    ComponentName,
    "a component's name",
    "up to 30 lower-case letters, digits and single hyphens, starting with a letter",
    |text| is_slug(text, 30)
);
name!(
    /// A stage, for example `production`. Part of execution and role names, hence short.
    StageName,
    "a stage's name",
    "up to 20 lower-case letters, digits and single hyphens, starting with a letter",
    |text| is_slug(text, 20)
);
name!(
    /// A check or one-off task in the configuration, for example `smoke`.
    StepName,
    "a check's or task's name",
    "up to 40 lower-case letters, digits and single hyphens, starting with a letter",
    |text| is_slug(text, 40)
);
name!(
    /// An ECS service's name.
    ServiceName,
    "an ECS service's name",
    "1 to 255 letters, digits, hyphens and underscores",
    is_ecs_name
);
name!(
    /// An ECS cluster's name.
    ClusterName,
    "an ECS cluster's name",
    "1 to 255 letters, digits, hyphens and underscores",
    is_ecs_name
);
name!(
    /// A container's name in a task definition.
    ContainerName,
    "a container's name",
    "1 to 255 letters, digits, hyphens and underscores",
    is_ecs_name
);
name!(
    /// An ECR repository's name, without registry.
    RepositoryName,
    "an ECR repository's name",
    "2 to 256 lower-case letters, digits and separators . _ - /, starting with a letter or digit",
    |text| {
        (2..=256).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/".contains(&b))
            && !text.contains("//")
    }
);
name!(
    /// An image tag (OCI distribution specification).
    Tag,
    "an image tag",
    "1 to 128 letters, digits, underscores, dots and hyphens, not starting with a dot or hyphen",
    |text| {
        (1..=128).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    }
);
name!(
    /// The digest of a manifest or index.
    Digest,
    "an image digest",
    "sha256: and 64 lower-case hexadecimal digits",
    |text| text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && is_lower_hex(hex))
);
name!(
    /// A full commit id.
    CommitSha,
    "a commit",
    "40 lower-case hexadecimal digits",
    |text| text.len() == 40 && is_lower_hex(text)
);
name!(
    /// A commit as people and tags abbreviate it: 7 to 40 digits.
    CommitPrefix,
    "a commit",
    "7 to 40 lower-case hexadecimal digits",
    |text| (7..=40).contains(&text.len()) && is_lower_hex(text)
);
name!(
    /// A Git branch, as far as Gantry handles them.
    BranchName,
    "a branch",
    "1 to 200 letters, digits and . _ - /, not starting with a hyphen, slash or dot",
    |text| {
        (1..=200).contains(&text.len())
            && !text.starts_with(['-', '/', '.'])
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
    }
);
name!(
    /// A GitHub repository as `owner/name`.
    GitHubRepository,
    "a GitHub repository",
    "owner/name in letters, digits, hyphens, underscores and dots",
    |text| {
        text.len() <= 140
            && text.split_once('/').is_some_and(|(owner, name)| {
                [owner, name].iter().all(|part| {
                    !part.is_empty()
                        && !part.starts_with('.')
                        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
                })
            })
    }
);
name!(
    /// A release: `<pipeline>-<12 digits of the commit>-<attempt>`; also its execution's name when Gantry starts it.
    ReleaseId,
    "a release's id",
    "up to 80 lower-case letters, digits and single hyphens, starting with a letter",
    |text| is_slug(text, 80)
);
name!(
    /// The SHA-256 of a plan's meaning, in hexadecimal.
    PlanHash,
    "a plan's hash",
    "64 lower-case hexadecimal digits",
    |text| text.len() == 64 && is_lower_hex(text)
);
name!(
    /// The SHA-256 of a compiled configuration, in hexadecimal.
    ConfigHash,
    "a configuration's hash",
    "64 lower-case hexadecimal digits",
    |text| text.len() == 64 && is_lower_hex(text)
);
name!(
    /// 128 random bits that name an approval on a button. Knowing it authorizes nothing.
    ApprovalId,
    "an approval's id",
    "32 lower-case hexadecimal digits",
    |text| text.len() == 32 && is_lower_hex(text)
);
name!(
    /// 128 random bits that name a hold on a button. Knowing it authorizes nothing.
    HoldId,
    "a hold's id",
    "32 lower-case hexadecimal digits",
    |text| text.len() == 32 && is_lower_hex(text)
);
name!(
    /// A Step Functions execution.
    ExecutionArn,
    "an execution's ARN",
    "arn:aws:states:<region>:<account>:execution:<machine>:<name>",
    |text| is_arn(text, "states", "execution:")
);
impl ExecutionArn {
    /// Another execution of the same state machine, by its name.
    pub fn sibling(&self, name: &str) -> Result<Self, NameError> {
        let machine = self.as_str().rsplit_once(':').map_or("", |(machine, _)| machine);
        Self::new(format!("{machine}:{name}"))
    }
}

name!(
    /// A revision of a task definition.
    TaskDefinitionArn,
    "a task definition's ARN",
    "arn:aws:ecs:<region>:<account>:task-definition/<family>:<revision>",
    |text| is_arn(text, "ecs", "task-definition/")
);
name!(
    /// One deployment of an ECS service.
    ServiceDeploymentArn,
    "a service deployment's ARN",
    "arn:aws:ecs:<region>:<account>:service-deployment/<cluster>/<service>/<id>",
    |text| is_arn(text, "ecs", "service-deployment/")
);
name!(
    /// One revision of an ECS service: what a deployment brings.
    ServiceRevisionArn,
    "a service revision's ARN",
    "arn:aws:ecs:<region>:<account>:service-revision/<cluster>/<service>/<id>",
    |text| is_arn(text, "ecs", "service-revision/")
);
name!(
    /// A task.
    TaskArn,
    "a task's ARN",
    "arn:aws:ecs:<region>:<account>:task/<cluster>/<id>",
    |text| is_arn(text, "ecs", "task/")
);
name!(
    /// An IAM role.
    RoleArn,
    "a role's ARN",
    "arn:aws:iam::<account>:role/<name>",
    |text| is_arn(text, "iam", "role/")
);
name!(
    /// An AWS account.
    AccountId,
    "an AWS account",
    "12 digits",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// An AWS region, for example `us-west-2`.
    Region,
    "an AWS region",
    "lower-case letters, digits and hyphens such as us-west-2",
    |text| is_slug(text, 25) && text.contains('-')
);
name!(
    /// A board on Monday.
    MondayId,
    "a Monday id",
    "up to 20 digits, as they stand in the board's address",
    |text| (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// A column or group of a board on Monday, for example `status`.
    MondayColumn,
    "a column's or group's id",
    "up to 64 lower-case letters, digits and underscores, as Monday shows under \"Copy column ID\"",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    }
);
name!(
    /// A Slack user, team, app or channel.
    SlackId,
    "a Slack id",
    "2 to 32 upper-case letters and digits, starting with a letter, as Slack shows under \"Copy member ID\"",
    |text| {
        (2..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    }
);

impl CommitSha {
    /// The first 7 digits, as people read them.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }

    /// Does this commit begin with those digits?
    pub fn starts_with(&self, prefix: &CommitPrefix) -> bool {
        self.0.starts_with(prefix.as_str())
    }
}

impl Digest {
    /// The first 12 digits, as people read them.
    pub fn short(&self) -> &str {
        self.0.get("sha256:".len().."sha256:".len() + 12).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t35_text_that_could_break_out_of_its_place_is_no_name() {
        for text in ["", " ", "a b", "<!channel>", "a\n", "a'", "x;y", "${x}", "../x", "ä", "a\u{0}"] {
            assert!(ServiceName::new(text).is_err(), "{text:?}");
            assert!(RepositoryName::new(text).is_err(), "{text:?}");
            assert!(Tag::new(text).is_err(), "{text:?}");
            assert!(BranchName::new(text).is_err(), "{text:?}");
            assert!(ComponentName::new(text).is_err(), "{text:?}");
            assert!(SlackId::new(text).is_err(), "{text:?}");
            assert!(TaskArn::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn digests_are_exact() {
        let hex = "a".repeat(64);
        assert!(Digest::new(format!("sha256:{hex}")).is_ok());
        for text in [
            hex.clone(),
            format!("sha256:{}", "A".repeat(64)),
            format!("sha256:{hex}a"),
            format!("sha512:{hex}"),
        ] {
            assert!(Digest::new(text).is_err());
        }
    }

    #[test]
    fn an_error_says_what_was_expected_and_repeats_little() {
        let error = Digest::new("x".repeat(5000)).unwrap_err().to_string();
        assert!(error.contains("sha256: and 64 lower-case hexadecimal digits"), "{error}");
        assert!(error.len() < 250);
    }

    #[test]
    fn arns_belong_to_their_service() {
        let arn = "arn:aws:ecs:us-west-2:111122223333:task-definition/web:3";
        assert!(TaskDefinitionArn::new(arn).is_ok());
        assert!(TaskArn::new(arn).is_err());
        assert!(ServiceDeploymentArn::new(arn).is_err());
        assert!(TaskDefinitionArn::new("arn:aws:ecs:us-west-2:111122223333:task-definition/").is_err());
    }

    #[test]
    fn a_person_may_give_an_execution_a_name_in_their_language() {
        let arn = |name: &str| {
            format!("arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-release:{name}")
        };
        assert!(ExecutionArn::new(arn("Rückkehr")).is_ok());
        let sibling = ExecutionArn::new(arn("exchange-a-1")).unwrap().sibling("exchange-a-1-put-back");
        assert_eq!(sibling.unwrap().as_str(), arn("exchange-a-1-put-back"));
        for name in ["a b", "a\u{7}", "a\u{202e}b", "<!channel>"] {
            assert!(ExecutionArn::new(arn(name)).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_refuse_bad_text_when_they_are_deserialized() {
        assert!(serde_json::from_str::<StageName>("\"Production!\"").is_err());
        assert_eq!(serde_json::from_str::<StageName>("\"production\"").unwrap().as_str(), "production");
    }
}
