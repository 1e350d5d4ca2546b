//! What AWS asks IAM before it carries out an ECS call: actions, resources and the condition keys it fills.
//!
//! Two things people forget are here because AWS does them: `iam:PassRole` for the roles a task gets, and
//! `ecs:TagResource` beside a call that creates something with tags.

use std::collections::BTreeMap;

use serde_json::Value;

use super::input::{text, texts};
use super::model::{TaskDefinition, World};
use super::shapes::plays;
use crate::aws::AuthCheck;

type Context = BTreeMap<String, String>;

impl World {
    /// The questions for one call; none about an operation that is not played. Inputs that make no sense get the widest
    /// resource: the call itself refuses them.
    pub(crate) fn questions(&self, operation: &str, input: &Value) -> Vec<AuthCheck> {
        if !plays(operation) {
            return Vec::new();
        }
        let cluster = self.place.cluster_name(text(input, "cluster")).unwrap_or_else(|_| "*".into());
        let mut context = Context::new();
        let resources = self.resources(operation, input, &cluster);
        match operation {
            "DescribeServices"
            | "UpdateService"
            | "ListServices"
            | "ListServiceDeployments"
            | "RunTask"
            | "DescribeTasks"
            | "ListTasks"
            | "StopTask" => {
                context.insert("ecs:cluster".into(), self.place.cluster(&cluster));
            }
            "DescribeServiceDeployments" | "DescribeServiceRevisions" | "StopServiceDeployment" => {
                let of = |arn: &String| arn.split('/').nth(1).map(|cluster| self.place.cluster(cluster));
                context.extend(resources.first().and_then(of).map(|arn| ("ecs:cluster".to_owned(), arn)));
            }
            "RegisterTaskDefinition" => {
                context.insert("ecs:privileged".into(), privileged(input).to_string());
            }
            _ => {}
        }
        if operation == "UpdateService"
            && let Some(given) = text(input, "taskDefinition")
        {
            context.insert("ecs:task-definition".into(), self.definition_arn(given));
        }
        for (key, value) in requested_tags(input) {
            context.insert(format!("aws:RequestTag/{key}"), value);
        }
        let mut checks: Vec<AuthCheck> = resources
            .into_iter()
            .map(|resource| self.check(&format!("ecs:{operation}"), resource, context.clone()))
            .collect();
        checks.extend(self.tagging_check(operation, input, &cluster));
        checks.extend(self.passed_roles(operation, input));
        checks
    }

    fn check(&self, action: &str, resource: String, mut context: Context) -> AuthCheck {
        for (key, value) in self.tags(&resource).into_iter().flatten() {
            context.insert(format!("aws:ResourceTag/{key}"), value.clone());
            context.insert(format!("ecs:ResourceTag/{key}"), value.clone());
        }
        AuthCheck { action: action.into(), resource, context }
    }

    fn resources(&self, operation: &str, input: &Value, cluster: &str) -> Vec<String> {
        let service = |given: &str| match self.place.service_name(cluster, given) {
            Ok(name) => self.place.service(cluster, &name),
            Err(_) => given.to_owned(),
        };
        let task = |given: &str| match self.place.task_id(cluster, given) {
            Some(id) => self.place.task(cluster, &id),
            None => given.to_owned(),
        };
        let one = |name: &str| text(input, name).unwrap_or("*");
        let mut resources: Vec<String> = match operation {
            "DescribeClusters" => {
                let names =
                    texts(input, "clusters").into_iter().map(|given| self.place.cluster_name(Some(given)));
                names.map(|name| name.map_or_else(|_| "*".into(), |name| self.place.cluster(&name))).collect()
            }
            "DescribeServices" => texts(input, "services").into_iter().map(service).collect(),
            "UpdateService" | "ListServiceDeployments" => vec![service(one("service"))],
            "DescribeServiceDeployments" => owned(texts(input, "serviceDeploymentArns")),
            "DescribeServiceRevisions" => owned(texts(input, "serviceRevisionArns")),
            "StopServiceDeployment" => vec![one("serviceDeploymentArn").to_owned()],
            "RunTask" => vec![self.definition_arn(one("taskDefinition"))],
            "DescribeTasks" => texts(input, "tasks").into_iter().map(task).collect(),
            "StopTask" => vec![task(one("task"))],
            "TagResource" | "ListTagsForResource" => vec![one("resourceArn").to_owned()],
            _ => Vec::new(),
        };
        if resources.is_empty() {
            resources.push("*".into());
        }
        resources
    }

    /// The definition a request means, with its revision: AWS resolves it before it asks.
    fn definition_arn(&self, given: &str) -> String {
        match self.definition_of(given) {
            Some(definition) => self.place.definition(&definition.family, definition.revision),
            None if given.starts_with("arn:") => given.to_owned(),
            None => {
                format!("arn:aws:ecs:{}:{}:task-definition/{given}", self.place.region, self.place.account)
            }
        }
    }

    fn tagging_check(&self, operation: &str, input: &Value, cluster: &str) -> Option<AuthCheck> {
        let place = &self.place;
        let resource = match operation {
            "RegisterTaskDefinition" => {
                let family = text(input, "family").unwrap_or_default();
                format!("arn:aws:ecs:{}:{}:task-definition/{family}", place.region, place.account)
            }
            "RunTask" => place.task(cluster, "*"),
            _ => return None,
        };
        let tags: Context = requested_tags(input)
            .into_iter()
            .map(|(key, value)| (format!("aws:RequestTag/{key}"), value))
            .collect();
        if tags.is_empty() {
            return None;
        }
        let mut context = tags;
        context.insert("ecs:CreateAction".into(), operation.into());
        Some(AuthCheck { action: "ecs:TagResource".into(), resource, context })
    }

    fn passed_roles(&self, operation: &str, input: &Value) -> Vec<AuthCheck> {
        let members = ["taskRoleArn", "executionRoleArn"];
        let roles: Vec<String> = match operation {
            "RegisterTaskDefinition" => {
                members.iter().filter_map(|member| text(input, member)).map(str::to_owned).collect()
            }
            "RunTask" => {
                let definition = text(input, "taskDefinition").and_then(|given| self.definition_of(given));
                let overrides = &input["overrides"];
                let role = |member: &&str| text(overrides, member).or_else(|| role_of(definition?, member));
                members.iter().filter_map(role).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let context =
            Context::from([("iam:PassedToService".to_owned(), "ecs-tasks.amazonaws.com".to_owned())]);
        let mut checks: Vec<AuthCheck> = roles
            .into_iter()
            .map(|role| AuthCheck {
                action: "iam:PassRole".into(),
                resource: self.role_arn(role),
                context: context.clone(),
            })
            .collect();
        checks.dedup();
        checks
    }

    /// Roles may be given by name.
    fn role_arn(&self, role: String) -> String {
        if role.starts_with("arn:") {
            role
        } else {
            format!("arn:aws:iam::{}:role/{role}", self.place.account)
        }
    }
}

fn role_of<'a>(definition: &'a TaskDefinition, member: &str) -> Option<&'a str> {
    definition.body.get(member)?.as_str()
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

fn requested_tags(input: &Value) -> Vec<(String, String)> {
    let tags = input.get("tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(|tag| {
        Some((text(tag, "key")?.to_owned(), text(tag, "value").unwrap_or_default().to_owned()))
    })
    .collect()
}

fn privileged(input: &Value) -> bool {
    let containers = input.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten();
    containers.into_iter().any(|container| container.get("privileged") == Some(&Value::Bool(true)))
}
