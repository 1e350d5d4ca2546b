//! Deploys a packaged template and makes sure that what stands there is real.
//!
//! It knows CloudFormation and Lambda, not Gantry: which stack, with which parameters, is the world's business.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{Client, ClientError};
use crate::package::{Artifacts, PackageError, package};

/// Where the packaged template lies beside the artifacts.
const TEMPLATE: &str = "template.json";

/// Why a stack does not stand.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Its artifacts are not there.
    #[error("the stack could not be packaged")]
    Package(#[from] PackageError),
    /// AWS refused.
    #[error("the stack could not be deployed")]
    Aws(#[from] ClientError),
    /// There is none.
    #[error("there is no stack {0}")]
    Absent(String),
    /// A function stands there without code.
    #[error("function {0} was deployed without its code")]
    Hollow(String),
}

/// A function of a deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The name in the template.
    pub logical_id: String,
    /// The name in the account.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The role it runs with.
    pub role_arn: String,
}

/// A stack that stands.
#[derive(Debug, Clone)]
pub struct DeployedStack {
    /// Its name.
    pub name: String,
    /// The template's outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its functions.
    pub functions: Vec<Function>,
    /// Names in the account by names in the template.
    pub physical_ids: BTreeMap<String, String>,
}

/// What to deploy.
#[derive(Debug, Clone)]
pub struct Deployment<'a> {
    /// The stack's name.
    pub name: &'a str,
    /// The template with local paths.
    pub template: &'a Value,
    /// Values of the template's parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// What the local paths stand for.
    pub artifacts: &'a Artifacts,
}

/// Packages and deploys, and returns when every function runs its own code.
pub async fn deploy(deployment: Deployment<'_>, client: &Client) -> Result<DeployedStack, StackError> {
    let Deployment { name, template, parameters, artifacts } = deployment;
    let bucket = format!("{name}-artifacts");
    let packaged = package(template, artifacts, &bucket, client).await?;
    client.put_object(&bucket, TEMPLATE, packaged.to_string().into_bytes()).await?;
    let template_url = format!("{}/{bucket}/{TEMPLATE}", client.endpoint());
    client.deploy_stack(name, &template_url, parameters).await?;
    let deployed = deployed(name, client).await?;
    reserve_concurrency(template, &deployed.functions, client).await?;
    Ok(deployed)
}

/// The stack of that name as it stands, whoever deployed it, if every function runs code.
pub async fn deployed(name: &str, client: &Client) -> Result<DeployedStack, StackError> {
    let stack = client.stack(name).await?.ok_or_else(|| StackError::Absent(name.to_owned()))?;
    let resources = client.stack_resources(name).await?;
    let mut functions = Vec::new();
    for resource in resources.iter().filter(|resource| resource.kind == "AWS::Lambda::Function") {
        let found = client.function(&resource.physical_id).await?;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        if found["CodeSize"].as_u64().unwrap_or_default() < 100 {
            return Err(StackError::Hollow(resource.logical_id.clone()));
        }
        functions.push(Function {
            logical_id: resource.logical_id.clone(),
            name: resource.physical_id.clone(),
            arn: text("FunctionArn"),
            role_arn: text("Role"),
        });
    }
    let physical_ids =
        resources.into_iter().map(|resource| (resource.logical_id, resource.physical_id)).collect();
    Ok(DeployedStack { name: name.to_owned(), outputs: stack.outputs, functions, physical_ids })
}

impl DeployedStack {
    /// A function by its name in the template.
    pub fn function(&self, logical_id: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.logical_id == logical_id)
    }
}

/// MiniStack reads `ReservedConcurrentExecutions` from templates but enforces only what the API sets.
async fn reserve_concurrency(
    template: &Value,
    functions: &[Function],
    client: &Client,
) -> Result<(), ClientError> {
    for function in functions {
        let properties = &template["Resources"][&function.logical_id]["Properties"];
        if let Some(calls) = properties["ReservedConcurrentExecutions"].as_u64() {
            client.reserve_concurrency(&function.name, calls).await?;
        }
    }
    Ok(())
}
