//! A task definition, kept whole: only the images of named containers are ever changed.
//!
//! The body is JSON as `RegisterTaskDefinition` takes it. It may hold values of a task's environment, so it is never
//! printed, hashed into anything people see only as a hash, and never put into a state or a message.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::names::{ContainerName, Digest, Region, RepositoryName, TaskArn, TaskDefinitionArn};

/// A registered task definition.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefinition {
    /// Its ARN, with the revision.
    pub arn: TaskDefinitionArn,
    /// What it says.
    pub body: TaskDefinitionBody,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Fields of AWS's answer that would be lost on the way back, as paths. Not empty: it must not be a base.
    pub unknown: Vec<String>,
}

/// What a task definition says, as `RegisterTaskDefinition` takes it, without tags.
#[derive(Clone, PartialEq)]
pub struct TaskDefinitionBody(Value);

/// Why no task definition could be made from a base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// The base has no such container.
    #[error("the task definition has no container {0}")]
    NoContainer(ContainerName),
    /// The body is not an object with a list of containers.
    #[error("the task definition has no list of containers")]
    Shapeless,
}

/// Where a container of a task writes its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// The log group.
    pub group: String,
    /// The stream in it.
    pub stream: String,
    /// Its region, where the task definition names one.
    pub region: Option<Region>,
}

/// Why nobody knows where a container writes its log. A clause about the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLogStream {
    /// The container has no log configuration, or there is no such container.
    #[error("its container has no log configuration")]
    Unconfigured,
    /// Not CloudWatch Logs.
    #[error("it goes to log driver {0}, which Gantry does not read")]
    OtherDriver(String),
    /// Options are missing, or no text.
    #[error("its log configuration has no {0}")]
    NoOption(&'static str),
}

/// An image by digest, as a new task definition names it.
pub fn image_by_digest(registry: &str, repository: &RepositoryName, digest: &Digest) -> String {
    format!("{registry}/{repository}@{digest}")
}

impl TaskDefinitionBody {
    /// Takes the JSON as it is.
    pub fn new(json: Value) -> Self {
        Self(json)
    }

    /// The JSON, for the adapter that registers it.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// The family.
    pub fn family(&self) -> &str {
        self.0.get("family").and_then(Value::as_str).unwrap_or_default()
    }

    /// Do its tasks have a network interface each, so that running one needs subnets?
    pub fn is_awsvpc(&self) -> bool {
        self.0.get("networkMode").and_then(Value::as_str) == Some("awsvpc")
    }

    /// Every container with its image, in the order they are defined.
    pub fn images(&self) -> Vec<(ContainerName, &str)> {
        let containers = self.0.get("containerDefinitions").and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .filter_map(|container| {
                let name = ContainerName::new(container.get("name")?.as_str()?).ok()?;
                Some((name, container.get("image")?.as_str()?))
            })
            .collect()
    }

    /// The image of one container.
    pub fn image(&self, container: &ContainerName) -> Option<&str> {
        self.images().into_iter().find(|(name, _)| name == container).map(|(_, image)| image)
    }

    /// The containers whose image comes from that repository of that registry, by whatever tag or digest.
    pub fn containers_using(&self, registry: &str, repository: &RepositoryName) -> Vec<ContainerName> {
        let wanted = format!("{registry}/{repository}");
        let from_it = |image: &str| {
            image.strip_prefix(wanted.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('@') || (rest.starts_with(':') && !rest.contains('/'))
            })
        };
        self.images().into_iter().filter(|(_, image)| from_it(image)).map(|(name, _)| name).collect()
    }

    fn container(&self, name: &ContainerName) -> Option<&Value> {
        let mut containers = self.0.get("containerDefinitions").and_then(Value::as_array)?.iter();
        containers.find(|container| container.get("name").and_then(Value::as_str) == Some(name.as_str()))
    }

    /// Where a container of a task of this definition writes its log: driver `awslogs` names a stream after its prefix,
    /// the container and the task's id. Without a prefix the stream has a name that only the host knows.
    pub fn log_stream(&self, container: &ContainerName, task: &TaskArn) -> Result<LogStream, NoLogStream> {
        let log = self.container(container).and_then(|container| container.get("logConfiguration"));
        let log = log.filter(|log| !log.is_null()).ok_or(NoLogStream::Unconfigured)?;
        match log.get("logDriver").and_then(Value::as_str) {
            Some("awslogs") => {}
            Some(other) => return Err(NoLogStream::OtherDriver(other.chars().take(40).collect())),
            None => return Err(NoLogStream::Unconfigured),
        }
        let option = |name: &'static str| {
            let text = log.get("options").and_then(|options| options.get(name)).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).ok_or(NoLogStream::NoOption(name))
        };
        let id = task.as_str().rsplit('/').next().unwrap_or_default();
        let prefix = option("awslogs-stream-prefix")?;
        Ok(LogStream {
            group: option("awslogs-group")?.to_owned(),
            stream: format!("{prefix}/{container}/{id}"),
            region: option("awslogs-region").ok().and_then(|region| Region::new(region).ok()),
        })
    }

    /// The values of all containers' environments: what must not be shown.
    pub fn environment_values(&self) -> impl Iterator<Item = &str> {
        let containers = self.0.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten();
        let variables = containers.filter_map(|container| container.get("environment")?.as_array()).flatten();
        variables.filter_map(|variable| variable.get("value")?.as_str())
    }

    /// The same with other images for some containers. Nothing else differs.
    pub fn with_images(&self, images: &BTreeMap<ContainerName, String>) -> Result<Self, DeriveError> {
        let mut body = self.0.clone();
        let containers = body
            .get_mut("containerDefinitions")
            .and_then(Value::as_array_mut)
            .ok_or(DeriveError::Shapeless)?;
        for (name, image) in images {
            let container = containers
                .iter_mut()
                .find(|container| container.get("name").and_then(Value::as_str) == Some(name.as_str()))
                .and_then(Value::as_object_mut)
                .ok_or_else(|| DeriveError::NoContainer(name.clone()))?;
            container.insert("image".to_owned(), Value::String(image.clone()));
        }
        Ok(Self(body))
    }

    /// The same under another family.
    pub fn with_family(&self, family: &str) -> Result<Self, DeriveError> {
        let mut body = self.0.clone();
        let fields = body.as_object_mut().ok_or(DeriveError::Shapeless)?;
        fields.insert("family".to_owned(), Value::String(family.to_owned()));
        Ok(Self(body))
    }

    /// SHA-256 over the body in a canonical form and `purpose`, in hexadecimal: the same for the same content however
    /// its fields are ordered.
    pub fn content_hash(&self, purpose: &str) -> String {
        let mut text = String::new();
        canonical(&self.0, &mut text);
        hex::encode(Sha256::new().chain_update(purpose).chain_update([0]).chain_update(text).finalize())
    }
}

/// Shows which containers and images there are; environments and commands stay hidden.
impl fmt::Debug for TaskDefinitionBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDefinitionBody")
            .field("family", &self.family())
            .field("images", &self.images())
            .finish_non_exhaustive()
    }
}

/// JSON with sorted keys: `serde_json` keeps or sorts them depending on a feature that any dependency may switch on.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (key, value) in sorted {
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const REGISTRY: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com";

    fn name(text: &str) -> ContainerName {
        ContainerName::new(text).unwrap()
    }

    fn base() -> TaskDefinitionBody {
        TaskDefinitionBody::new(json!({
            "family": "web",
            "networkMode": "awsvpc",
            "containerDefinitions": [
                {"name": "app", "image": format!("{REGISTRY}/shop:sha-1"), "environment": [{"name": "KEY", "value": "hush"}]},
                {"name": "proxy", "image": "public.ecr.aws/nginx:1"},
                {"name": "other", "image": format!("{REGISTRY}/shop-tools:sha-1")},
            ],
            "volumes": [{"name": "scratch"}],
        }))
    }

    #[test]
    fn t42_only_the_images_of_named_containers_change() {
        let new = format!("{REGISTRY}/shop@sha256:{}", "a".repeat(64));
        let derived = base().with_images(&BTreeMap::from([(name("app"), new.clone())])).unwrap();
        let mut expected = base().as_json().clone();
        expected["containerDefinitions"][0]["image"] = json!(new);
        assert_eq!(derived.as_json(), &expected);
    }

    #[test]
    fn a_container_that_is_not_there_is_refused() {
        let images = BTreeMap::from([(name("nobody"), "x".to_owned())]);
        assert_eq!(base().with_images(&images), Err(DeriveError::NoContainer(name("nobody"))));
        assert_eq!(TaskDefinitionBody::new(json!([])).with_images(&images), Err(DeriveError::Shapeless));
    }

    #[test]
    fn containers_are_found_by_exact_repository() {
        let shop = RepositoryName::new("shop").unwrap();
        assert_eq!(base().containers_using(REGISTRY, &shop), [name("app")]);
        assert!(base().containers_using("444455556666.dkr.ecr.us-west-2.amazonaws.com", &shop).is_empty());
        for (image, uses) in [
            (format!("{REGISTRY}/shop"), true),
            (format!("{REGISTRY}/shop@sha256:{}", "a".repeat(64)), true),
            (format!("{REGISTRY}/shop:v1@sha256:{}", "a".repeat(64)), true),
            (format!("{REGISTRY}/shop/tools:v1"), false),
            (format!("{REGISTRY}/shops"), false),
            (format!("x{REGISTRY}/shop"), false),
        ] {
            let body =
                TaskDefinitionBody::new(json!({"containerDefinitions": [{"name": "app", "image": image}]}));
            assert_eq!(!body.containers_using(REGISTRY, &shop).is_empty(), uses, "{image}");
        }
    }

    #[test]
    fn a_containers_log_is_found_by_its_options() {
        let task = TaskArn::new("arn:aws:ecs:us-west-2:111122223333:task/c/0123").unwrap();
        let logging = |log: Value| {
            let container = json!({"name": "app", "image": "x", "logConfiguration": log});
            TaskDefinitionBody::new(json!({"containerDefinitions": [container]}))
                .log_stream(&name("app"), &task)
        };
        let options = json!({"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web"});
        let stream = logging(json!({"logDriver": "awslogs", "options": options})).unwrap();
        assert_eq!((stream.group.as_str(), stream.stream.as_str()), ("/ecs/web", "web/app/0123"));
        assert_eq!(stream.region.unwrap().as_str(), "eu-west-1");
        for (log, why) in [
            (json!(null), "its container has no log configuration"),
            (
                json!({"logDriver": "awsfirelens"}),
                "it goes to log driver awsfirelens, which Gantry does not read",
            ),
            (
                json!({"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"}}),
                "its log configuration has no awslogs-stream-prefix",
            ),
            (
                json!({"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "web", "awslogs-group": ""}}),
                "its log configuration has no awslogs-group",
            ),
        ] {
            assert_eq!(logging(log).unwrap_err().to_string(), why);
        }
        assert_eq!(base().log_stream(&name("nobody"), &task), Err(NoLogStream::Unconfigured));
    }

    #[test]
    fn t37_every_value_of_an_environment_is_known() {
        assert_eq!(base().environment_values().collect::<Vec<_>>(), ["hush"]);
    }

    #[test]
    fn the_content_hash_follows_content_and_purpose_not_order() {
        let one =
            TaskDefinitionBody::new(serde_json::from_str(r#"{"a": 1, "b": [{"c": 2, "d": 3}]}"#).unwrap());
        let two =
            TaskDefinitionBody::new(serde_json::from_str(r#"{"b": [{"d": 3, "c": 2}], "a": 1}"#).unwrap());
        assert_eq!(one.content_hash("x"), two.content_hash("x"));
        assert_ne!(one.content_hash("x"), one.content_hash("y"));
        assert_ne!(one.content_hash("x"), base().content_hash("x"));
    }

    #[test]
    fn t37_printing_a_body_shows_no_environment() {
        let printed = format!("{:?}", base());
        assert!(printed.contains("web") && !printed.contains("hush"), "{printed}");
    }
}
