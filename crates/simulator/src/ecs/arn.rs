//! ARNs of ECS resources, and the names that stand in for them in requests.

use crate::aws::AwsError;

/// The account and region of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Place {
    fn arn(&self, rest: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{rest}", self.region, self.account)
    }

    pub(crate) fn cluster(&self, name: &str) -> String {
        self.arn(&format!("cluster/{name}"))
    }

    pub(crate) fn service(&self, cluster: &str, name: &str) -> String {
        self.arn(&format!("service/{cluster}/{name}"))
    }

    pub(crate) fn task(&self, cluster: &str, id: &str) -> String {
        self.arn(&format!("task/{cluster}/{id}"))
    }

    pub(crate) fn definition(&self, family: &str, revision: usize) -> String {
        self.arn(&format!("task-definition/{family}:{revision}"))
    }

    pub(crate) fn container(&self, cluster: &str, task: &str, name: &str) -> String {
        self.arn(&format!("container/{cluster}/{task}/{name}"))
    }

    pub(crate) fn deployment(&self, cluster: &str, service: &str, id: &str) -> String {
        self.arn(&format!("service-deployment/{cluster}/{service}/{id}"))
    }

    pub(crate) fn revision(&self, cluster: &str, service: &str, id: &str) -> String {
        self.arn(&format!("service-revision/{cluster}/{service}/{id}"))
    }

    /// The path of an ARN of this account, region and kind: `["cluster", "service"]` for a service's.
    pub(crate) fn parts<'a>(&self, arn: &'a str, kind: &str) -> Option<Vec<&'a str>> {
        let rest = arn.strip_prefix(&self.arn(""))?.strip_prefix(kind)?.strip_prefix('/')?;
        Some(rest.split('/').collect())
    }

    /// The cluster a request means: a name, an ARN, or `default` when it says nothing.
    pub(crate) fn cluster_name(&self, given: Option<&str>) -> Result<String, AwsError> {
        let given = given.unwrap_or("default");
        if !given.starts_with("arn:") {
            return Ok(given.to_owned());
        }
        match self.parts(given, "cluster").as_deref() {
            Some([name]) => Ok((*name).to_owned()),
            _ => Err(AwsError::client("InvalidParameterException", format!("Invalid identifier: {given}"))),
        }
    }

    /// The name of a service given by name or ARN; the ARN must be of that cluster.
    pub(crate) fn service_name(&self, cluster: &str, given: &str) -> Result<String, AwsError> {
        if !given.starts_with("arn:") {
            return Ok(given.to_owned());
        }
        match self.parts(given, "service").as_deref() {
            Some([of, name]) if *of == cluster => Ok((*name).to_owned()),
            Some([name]) => Ok((*name).to_owned()),
            _ => Err(AwsError::client(
                "InvalidParameterException",
                format!("Invalid identifier: {given} is not a service of cluster {cluster}"),
            )),
        }
    }

    /// The id of a task given by id or ARN.
    pub(crate) fn task_id(&self, cluster: &str, given: &str) -> Option<String> {
        if !given.starts_with("arn:") {
            return Some(given.to_owned());
        }
        match self.parts(given, "task").as_deref() {
            Some([of, id]) if *of == cluster => Some((*id).to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_mean_the_same_resource() {
        let place = Place { account: "111122223333".into(), region: "us-west-2".into() };
        let arn = place.service("prod", "web");
        assert_eq!(arn, "arn:aws:ecs:us-west-2:111122223333:service/prod/web");
        assert_eq!(place.service_name("prod", &arn).unwrap(), "web");
        assert_eq!(place.service_name("prod", "web").unwrap(), "web");
        assert!(place.service_name("preprod", &arn).is_err());
        assert_eq!(place.cluster_name(Some(&place.cluster("prod"))).unwrap(), "prod");
        assert_eq!(place.cluster_name(None).unwrap(), "default");
        assert!(place.cluster_name(Some("arn:aws:ecs:us-west-2:999999999999:cluster/prod")).is_err());
        assert_eq!(place.task_id("prod", &place.task("prod", "ab")), Some("ab".into()));
        assert_eq!(place.task_id("prod", &place.task("preprod", "ab")), None);
    }
}
