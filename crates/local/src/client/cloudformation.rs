//! CloudFormation: stacks are created, updated and deleted, and a failure says which resource failed and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Client, ClientError, members, text_of, unexpected};

/// How often a stack under way is looked at. MiniStack needs about 0.2 s for a whole stack.
const STACK_POLL: Duration = Duration::from_millis(50);

/// A stack as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// For example `CREATE_COMPLETE`.
    pub status: String,
    /// The template's outputs.
    pub outputs: BTreeMap<String, String>,
}

/// One resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// The name in the template.
    pub logical_id: String,
    /// The name in the account.
    pub physical_id: String,
    /// For example `AWS::Lambda::Function`.
    pub kind: String,
}

impl Client {
    /// Creates the stack, or updates it if it exists, and waits until it stands. `template_url` is an object in S3: a
    /// request takes 51,200 characters at most.
    pub async fn deploy_stack(
        &self,
        name: &str,
        template_url: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Stack, ClientError> {
        let mut form = vec![
            ("StackName".to_owned(), name.to_owned()),
            ("TemplateURL".to_owned(), template_url.to_owned()),
        ];
        for (index, capability) in
            ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"].iter().enumerate()
        {
            form.push((format!("Capabilities.member.{}", index + 1), (*capability).to_owned()));
        }
        for (index, (key, value)) in parameters.iter().enumerate() {
            form.push((format!("Parameters.member.{}.ParameterKey", index + 1), key.clone()));
            form.push((format!("Parameters.member.{}.ParameterValue", index + 1), value.clone()));
        }
        let action = if self.stack(name).await?.is_some() { "UpdateStack" } else { "CreateStack" };
        self.cloudformation(action, &form).await?;
        let stack = self.settled_stack(name).await?;
        match stack.status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" => Ok(stack),
            _ => Err(ClientError::Stack {
                stack: name.to_owned(),
                status: stack.status,
                reasons: self.stack_failures(name).await?,
            }),
        }
    }

    /// The stack, or nothing when there is none of this name.
    pub async fn stack(&self, name: &str) -> Result<Option<Stack>, ClientError> {
        let form = [("StackName".to_owned(), name.to_owned())];
        let xml = match self.cloudformation("DescribeStacks", &form).await {
            Ok(xml) => xml,
            Err(ClientError::Refused { code, .. }) if code == "ValidationError" => return Ok(None),
            Err(error) => return Err(error),
        };
        let document = parse("DescribeStacks", &xml)?;
        let Some(stack) = members(&document, "Stacks").into_iter().next() else { return Ok(None) };
        let status = text_of(stack, "StackStatus").unwrap_or_default();
        let outputs = members(&document, "Outputs")
            .into_iter()
            .filter_map(|output| {
                Some((text_of(output, "OutputKey")?, text_of(output, "OutputValue").unwrap_or_default()))
            })
            .collect();
        Ok((status != "DELETE_COMPLETE").then_some(Stack { status, outputs }))
    }

    /// Everything the stack consists of.
    pub async fn stack_resources(&self, name: &str) -> Result<Vec<StackResource>, ClientError> {
        let form = [("StackName".to_owned(), name.to_owned())];
        let xml = self.cloudformation("DescribeStackResources", &form).await?;
        let document = parse("DescribeStackResources", &xml)?;
        Ok(members(&document, "StackResources")
            .into_iter()
            .map(|resource| StackResource {
                logical_id: text_of(resource, "LogicalResourceId").unwrap_or_default(),
                physical_id: text_of(resource, "PhysicalResourceId").unwrap_or_default(),
                kind: text_of(resource, "ResourceType").unwrap_or_default(),
            })
            .collect())
    }

    /// Deletes the stack and waits until it is gone.
    pub async fn delete_stack(&self, name: &str) -> Result<(), ClientError> {
        self.cloudformation("DeleteStack", &[("StackName".to_owned(), name.to_owned())]).await?;
        while let Some(stack) = self.stack(name).await? {
            if stack.status == "DELETE_FAILED" {
                let reasons = self.stack_failures(name).await?;
                return Err(ClientError::Stack { stack: name.to_owned(), status: stack.status, reasons });
            }
            tokio::time::sleep(STACK_POLL).await;
        }
        Ok(())
    }

    async fn settled_stack(&self, name: &str) -> Result<Stack, ClientError> {
        loop {
            let stack =
                self.stack(name).await?.ok_or_else(|| unexpected("DescribeStacks", "the stack is gone"))?;
            if !stack.status.ends_with("_IN_PROGRESS") {
                return Ok(stack);
            }
            tokio::time::sleep(STACK_POLL).await;
        }
    }

    async fn stack_failures(&self, name: &str) -> Result<String, ClientError> {
        let form = [("StackName".to_owned(), name.to_owned())];
        let xml = self.cloudformation("DescribeStackEvents", &form).await?;
        let document = parse("DescribeStackEvents", &xml)?;
        let mut reasons = String::new();
        for event in members(&document, "StackEvents") {
            let text = |name| text_of(event, name).unwrap_or_default();
            let (status, reason) = (text("ResourceStatus"), text("ResourceStatusReason"));
            if status.contains("FAILED") || (status.contains("ROLLBACK") && !reason.is_empty()) {
                let (id, kind) = (text("LogicalResourceId"), text("ResourceType"));
                let _ = write!(reasons, "\n  {id} ({kind}) {status}: {reason}");
            }
        }
        Ok(reasons)
    }

    async fn cloudformation(&self, action: &str, form: &[(String, String)]) -> Result<String, ClientError> {
        self.query("cloudformation", "2010-05-15", action, form).await
    }
}

fn parse<'input>(action: &str, xml: &'input str) -> Result<roxmltree::Document<'input>, ClientError> {
    roxmltree::Document::parse(xml).map_err(|error| unexpected(action, error.to_string()))
}
