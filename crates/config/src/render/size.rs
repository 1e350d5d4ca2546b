//! IAM's limit on inline policies, found before a deployment finds it.

use serde_json::Value;

use super::RenderError;

/// Characters of all inline policies of a role, white space not counted.
const LIMIT: usize = 10_240;

/// Refuses a template with a role whose policies are too long.
pub(super) fn check(template: &Value) -> Result<(), RenderError> {
    let resources = template.get("Resources").and_then(Value::as_object);
    for (role, resource) in resources.into_iter().flatten() {
        let policies = resource.pointer("/Properties/Policies").and_then(Value::as_array);
        let documents = policies.into_iter().flatten().filter_map(|policy| policy.get("PolicyDocument"));
        let length = documents.map(|document| document.to_string().len()).sum();
        if length > LIMIT {
            return Err(RenderError::PolicyTooLong { role: role.clone(), length });
        }
    }
    Ok(())
}
