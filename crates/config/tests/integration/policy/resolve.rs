//! The template with its functions carried out, as a deployment into the Exchange's account would.

use serde_json::{Map, Value, json};

use crate::support::rendered;

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const REGION: &str = "us-west-2";

/// The resources of the Exchange's stack, all references resolved.
pub(super) fn resources() -> Map<String, Value> {
    let rendered = rendered();
    let resources = rendered.template["Resources"].as_object().unwrap();
    let resolver = Resolver { resources, parameters: json!(rendered.parameters) };
    resources.iter().map(|(id, resource)| (id.clone(), resolver.resolve(resource))).collect()
}

struct Resolver<'a> {
    resources: &'a Map<String, Value>,
    parameters: Value,
}

impl Resolver<'_> {
    fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                if let Some(name) = fields.get("Ref").and_then(Value::as_str) {
                    return self.reference(name).into();
                }
                if let Some(get) = fields.get("Fn::GetAtt") {
                    return self.attribute(get[0].as_str().unwrap(), get[1].as_str().unwrap()).into();
                }
                if let Some(text) = fields.get("Fn::Sub").and_then(Value::as_str) {
                    return self.substitute(text).into();
                }
                fields.iter().map(|(name, field)| (name.clone(), self.resolve(field))).collect()
            }
            Value::Array(values) => values.iter().map(|value| self.resolve(value)).collect(),
            scalar => scalar.clone(),
        }
    }

    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            whole += &self.reference(name);
            whole += rest;
        }
        whole
    }

    fn reference(&self, name: &str) -> String {
        match name {
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Region" => REGION.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::NoValue" => String::new(),
            _ => match self.parameters[name].as_str() {
                Some(value) => value.to_owned(),
                None if self.resources[name]["Type"] == "AWS::Serverless::StateMachine" => {
                    self.attribute(name, "Arn")
                }
                None => self.name(name),
            },
        }
    }

    /// The name a resource gives itself.
    fn name(&self, id: &str) -> String {
        let properties = &self.resources[id]["Properties"];
        let names = ["FunctionName", "RoleName", "TableName", "LogGroupName", "QueueName", "Name"];
        let name = names.iter().map(|name| &properties[*name]).find(|name| !name.is_null());
        name.map_or_else(|| id.to_owned(), |name| self.resolve(name).as_str().unwrap().to_owned())
    }

    fn attribute(&self, id: &str, attribute: &str) -> String {
        let kind = self.resources[id]["Type"].as_str().unwrap();
        let name = self.name(id);
        let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}");
        match (kind, attribute) {
            ("AWS::Serverless::Function", "Arn") => arn("lambda", &format!("function:{name}")),
            ("AWS::Serverless::StateMachine", "Arn") => arn("states", &format!("stateMachine:{name}")),
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            ("AWS::DynamoDB::Table", "Arn") => arn("dynamodb", &format!("table/{name}")),
            ("AWS::DynamoDB::Table", "StreamArn") => arn("dynamodb", &format!("table/{name}/stream/1")),
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", &format!("log-group:{name}:*")),
            ("AWS::SQS::Queue", "Arn") => arn("sqs", &name),
            ("AWS::Events::Rule", "Arn") => arn("events", &format!("rule/{name}")),
            ("AWS::SecretsManager::Secret", "Id") => arn("secretsmanager", &format!("secret:{name}-a1B2c3")),
            other => panic!("{id}: {other:?} is not known here"),
        }
    }
}
