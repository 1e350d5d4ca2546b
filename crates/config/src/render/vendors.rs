//! What is rendered only for vendors that the configuration names: a secret for the token, and for the two functions that
//! send, the right to read it, and where the vendor is.

use gantry_domain::pipeline::Pipeline;
use serde_json::{Value, json};

/// Functions that send.
const SENDERS: [&str; 2] = ["SendNotices", "Sweep"];

/// One vendor's part of the template.
struct Part {
    /// The logical id of the secret.
    secret: &'static str,
    /// The secret's name after the pipeline's.
    name: &'static str,
    token: &'static str,
    /// The variable with the secret's ARN.
    variable: &'static str,
}

const GITHUB: Part = Part {
    secret: "GitHubStatusTokenSecret",
    name: "github-status-token",
    token: "A token that may write the repository's commit statuses and deployments",
    variable: "GANTRY_GITHUB_STATUS_TOKEN_SECRET",
};

const MONDAY: Part = Part {
    secret: "MondayTokenSecret",
    name: "monday-token",
    token: "A token of Monday's API that may read and write the board",
    variable: "GANTRY_MONDAY_TOKEN_SECRET",
};

/// Adds what the configured vendors need.
pub(super) fn add(template: &mut Value, pipeline: &Pipeline) {
    let github = pipeline.github.as_ref().map(|_| GITHUB);
    let monday = pipeline.monday.as_ref().map(|_| MONDAY);
    if monday.is_some() {
        template["Parameters"]["MondayBaseUrl"] = json!({
            "Type": "String",
            "Description": "Monday's GraphQL API",
            "Default": "https://api.monday.com/v2",
            "AllowedPattern": "https?://.+",
        });
        set(template, "GANTRY_MONDAY_BASE_URL", &json!({"Ref": "MondayBaseUrl"}));
    }
    if github.is_some() || monday.is_some() {
        // Where statuses go, and where Monday's links lead.
        set(template, "GANTRY_GITHUB_BASE_URL", &json!({"Ref": "GitHubBaseUrl"}));
        // The seat at a vendor's desk, how far it was told, and the execution that links lead to.
        grant(template, "Releases", "Action", &json!("dynamodb:GetItem"));
    }
    for part in [github, monday].into_iter().flatten() {
        part.add(template);
    }
}

impl Part {
    fn add(&self, template: &mut Value) {
        let Self { secret, name, token, variable } = self;
        let arn = json!({"Fn::GetAtt": [secret, "Id"]});
        template["Resources"][secret] = json!({
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Name": {"Fn::Sub": format!("gantry/${{Pipeline}}/{name}")}, "Description": token},
        });
        template["Outputs"][format!("{secret}Arn")] =
            json!({"Description": format!("Put this here: {token}"), "Value": arn});
        set(template, variable, &arn);
        grant(template, "Secrets", "Resource", &arn);
    }
}

/// Gives both senders an environment variable.
fn set(template: &mut Value, variable: &str, value: &Value) {
    for sender in SENDERS {
        let function = format!("{sender}Function");
        template["Resources"][function]["Properties"]["Environment"]["Variables"][variable] = value.clone();
    }
}

/// Adds to a statement of both senders' roles, if it is not there.
fn grant(template: &mut Value, sid: &str, field: &str, more: &Value) {
    for sender in SENDERS {
        let policies = &mut template["Resources"][format!("{sender}Role")]["Properties"]["Policies"];
        let statements = policies.pointer_mut("/0/PolicyDocument/Statement").and_then(Value::as_array_mut);
        let known = statements.into_iter().flatten().filter(|statement| statement["Sid"] == sid);
        for granted in known.filter_map(|statement| statement[field].as_array_mut()) {
            if !granted.contains(more) {
                granted.push(more.clone());
            }
        }
    }
}
