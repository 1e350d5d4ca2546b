//! The static part of the template: the files of `infra/`, merged section by section.

use serde_json::{Map, Value, json};

use super::RenderError;

macro_rules! fragments {
    ($($file:literal),* $(,)?) => {
        /// Each file's name and text.
        const FRAGMENTS: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../../../infra/", $file)))),*];
    };
}

fragments!(
    "parameters.yaml",
    "globals.yaml",
    "tables.yaml",
    "secrets.yaml",
    "queues.yaml",
    "api.yaml",
    "events.yaml",
    "machines.yaml",
    "outputs.yaml",
    "functions/acquire-lock.yaml",
    "functions/ask-approval.yaml",
    "functions/claim-release.yaml",
    "functions/ecr-intake.yaml",
    "functions/github-webhook.yaml",
    "functions/plan-rollback.yaml",
    "functions/plan-stage.yaml",
    "functions/read-decision.yaml",
    "functions/reconcile.yaml",
    "functions/record-end.yaml",
    "functions/record-rollback.yaml",
    "functions/record-stage.yaml",
    "functions/release-lock.yaml",
    "functions/run-checks.yaml",
    "functions/send-notices.yaml",
    "functions/slack-interactions.yaml",
    "functions/start-deployments.yaml",
    "functions/start-task.yaml",
    "functions/sweep.yaml",
    "functions/watch-executions.yaml",
    "functions/watch-task.yaml",
    "functions/watch-wave.yaml",
);

/// One template of all files. No two may define the same thing.
pub(super) fn merged() -> Result<Value, RenderError> {
    let mut template = Map::new();
    template.insert("AWSTemplateFormatVersion".to_owned(), "2010-09-09".into());
    template.insert("Transform".to_owned(), "AWS::Serverless-2016-10-31".into());
    template.insert("Description".to_owned(), "Gantry: releases container images, stage by stage".into());
    for (file, text) in FRAGMENTS {
        let fragment: Value =
            serde_yaml_ng::from_str(text).map_err(|source| RenderError::Fragment { file, source })?;
        let conflict = |problem: String| RenderError::Conflict { file, problem };
        let Value::Object(sections) = fragment else { return Err(conflict("is not a table".to_owned())) };
        for (name, section) in sections {
            let Value::Object(section) = section else {
                return Err(conflict(format!("{name} is not a table")));
            };
            let Some(whole) = template.entry(name.clone()).or_insert_with(|| json!({})).as_object_mut()
            else {
                return Err(conflict(format!("{name} is reserved")));
            };
            for (id, value) in section {
                if whole.insert(id.clone(), value).is_some() {
                    return Err(conflict(format!("{name}.{id} is defined twice")));
                }
            }
        }
    }
    Ok(Value::Object(template))
}
