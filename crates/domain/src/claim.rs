//! What an execution may be asked for, and how a complete manifest comes about.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::names::{CommitPrefix, CommitSha, ComponentName, Digest, ReleaseId, StageName, Tag};
use crate::pipeline::{Component, Pipeline};
use crate::release::{ComponentSource, Origin, Release, ReleasedComponent};
use crate::verified::{History, carried};

/// What an execution was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Something new.
    Release(WantedRelease),
    /// What was verified before.
    Rollback(WantedRollback),
    /// What a release had changed when its execution died, put back.
    PutBack(WantedPutBack),
}

/// What a release is to bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedRelease {
    /// A commit, with whatever was built from it.
    Commit(CommitPrefix),
    /// Components, each by a tag that names its commit. Never empty.
    Components(BTreeMap<ComponentName, Tag>),
}

/// A rollback that a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRollback {
    /// Where.
    pub stage: StageName,
    /// Which components, in deployment order. Never empty.
    pub components: Vec<ComponentName>,
    /// The release to go back to. `None`: the one before.
    pub to: Option<ReleaseId>,
}

/// A release that died while it was changing a stage, to be ended by putting the stage back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedPutBack {
    /// Where it died.
    pub stage: StageName,
    /// The release.
    pub release: ReleaseId,
}

/// Why an execution's input is not accepted: what was wrong, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    r#"{problem}; accepted is {{"commit": "<7 to 40 digits>"}} or {{"components": {{"<component>": "sha-<commit>"}}}} or {{"rollback": {{"stage": "<stage>", "components": ["<component>"], "to": "<release>"}}}} (the last two may be left out) or {{"rollback": {{"stage": "<stage>", "release": "<release that died there>"}}}}, with stages {stages} and components {components}"#
)]
pub struct InputError {
    problem: String,
    stages: String,
    components: String,
}

/// Reads an execution's input. Anything but the accepted forms is refused, naming the field.
pub fn parse(pipeline: &Pipeline, input: &Value) -> Result<Wanted, InputError> {
    let refuse = |problem: String| InputError {
        problem,
        stages: joined(pipeline.stages.iter().map(|stage| stage.name.as_str())),
        components: joined(pipeline.components.iter().map(|component| component.name.as_str())),
    };
    let Value::Object(fields) = input else {
        return Err(refuse(format!("the input is {}, not an object", kind(input))));
    };
    let known = ["commit", "components", "rollback"];
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(refuse(format!("field {} is unknown", shown(field))));
    }
    if let Some(rollback) = fields.get("rollback") {
        if fields.len() > 1 {
            return Err(refuse("field \"rollback\" excludes the others".to_owned()));
        }
        return parse_rollback(pipeline, rollback).map_err(refuse);
    }
    match (fields.get("commit"), fields.get("components")) {
        (Some(_), Some(_)) => {
            Err(refuse("fields \"commit\" and \"components\" exclude each other".to_owned()))
        }
        (Some(Value::String(commit)), None) => CommitPrefix::new(commit)
            .map(|commit| Wanted::Release(WantedRelease::Commit(commit)))
            .map_err(|error| refuse(format!("field \"commit\": {error}"))),
        (Some(other), None) => Err(refuse(format!("field \"commit\" is {}, not a string", kind(other)))),
        (None, Some(Value::Object(components))) => {
            let components = parse_components(pipeline, components).map_err(refuse)?;
            Ok(Wanted::Release(WantedRelease::Components(components)))
        }
        (None, Some(other)) => Err(refuse(format!("field \"components\" is {}, not an object", kind(other)))),
        (None, None) => Err(refuse("the input says nothing".to_owned())),
    }
}

fn parse_components(
    pipeline: &Pipeline,
    fields: &Map<String, Value>,
) -> Result<BTreeMap<ComponentName, Tag>, String> {
    if fields.is_empty() {
        return Err("field \"components\" names none".to_owned());
    }
    fields
        .iter()
        .map(|(name, tag)| {
            let component = pipeline
                .components
                .iter()
                .find(|component| component.name.as_str() == name)
                .ok_or_else(|| format!("field \"components\": there is no component {}", shown(name)))?;
            let field = format!("field \"components.{name}\"");
            let Value::String(tag) = tag else {
                return Err(format!("{field} is {}, not a tag", kind(tag)));
            };
            let tag = Tag::new(tag).map_err(|error| format!("{field}: {error}"))?;
            Ok((component.name.clone(), tag))
        })
        .collect()
}

fn parse_rollback(pipeline: &Pipeline, value: &Value) -> Result<Wanted, String> {
    let Value::Object(fields) = value else {
        return Err(format!("field \"rollback\" is {}, not an object", kind(value)));
    };
    let known = ["stage", "components", "to", "release"];
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(format!("field \"rollback\": field {} is unknown", shown(field)));
    }
    let stage = match fields.get("stage") {
        Some(Value::String(name)) => pipeline
            .stages
            .iter()
            .find(|stage| stage.name.as_str() == name)
            .ok_or_else(|| format!("field \"rollback.stage\": there is no stage {}", shown(name)))?,
        Some(other) => return Err(format!("field \"rollback.stage\" is {}, not a string", kind(other))),
        None => return Err("field \"rollback.stage\" is missing".to_owned()),
    };
    let stage = stage.name.clone();
    if let Some(release) = release_in(fields, "release")? {
        if fields.len() > 2 {
            return Err("field \"rollback.release\" excludes \"components\" and \"to\"".to_owned());
        }
        return Ok(Wanted::PutBack(WantedPutBack { stage, release }));
    }
    let to = release_in(fields, "to")?;
    let components = rollback_components(pipeline, fields.get("components"))?;
    Ok(Wanted::Rollback(WantedRollback { stage, components, to }))
}

fn release_in(fields: &Map<String, Value>, field: &str) -> Result<Option<ReleaseId>, String> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::String(release)) => {
            let release = ReleaseId::new(release);
            release.map(Some).map_err(|error| format!("field \"rollback.{field}\": {error}"))
        }
        Some(other) => Err(format!("field \"rollback.{field}\" is {}, not a string", kind(other))),
    }
}

fn rollback_components(pipeline: &Pipeline, value: Option<&Value>) -> Result<Vec<ComponentName>, String> {
    let all = pipeline.components.iter().map(|component| &component.name);
    let names = match value {
        None => return Ok(all.cloned().collect()),
        Some(Value::Array(names)) if !names.is_empty() => names,
        Some(Value::Array(_)) => return Err("field \"rollback.components\" names none".to_owned()),
        Some(other) => {
            return Err(format!("field \"rollback.components\" is {}, not a list", kind(other)));
        }
    };
    let mut wanted = Vec::new();
    for name in names {
        let Value::String(name) = name else {
            return Err(format!("field \"rollback.components\" holds {}, not a string", kind(name)));
        };
        if !all.clone().any(|known| known.as_str() == name) {
            return Err(format!("field \"rollback.components\": there is no component {}", shown(name)));
        }
        wanted.push(name.as_str());
    }
    Ok(all.filter(|name| wanted.contains(&name.as_str())).cloned().collect())
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// At most this much of a field's name is repeated.
const SHOWN: usize = 40;

fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(SHOWN).collect::<String>())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The id of a commit's release: `<pipeline>-<12 digits>-<attempt>`.
pub fn release_id(
    pipeline: &Pipeline,
    commit: &CommitSha,
    attempt: u32,
) -> Result<ReleaseId, crate::names::NameError> {
    let digits = commit.as_str().get(..12).unwrap_or(commit.as_str());
    ReleaseId::new(format!("{}-{digits}-{attempt}", pipeline.name))
}

/// Who asked: Gantry starts executions under the name of their release, a person under any other.
pub fn origin(execution_name: &str, release: &ReleaseId) -> Origin {
    if execution_name == release.as_str() { Origin::Push } else { Origin::Console }
}

/// What is known about a component that the release does not bring.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Untouched<'a> {
    /// Releases under way that bring the component and have not passed the first stage, newest last: this release
    /// comes after them, so it must not take the stage back behind them.
    pub under_way: Vec<&'a Release>,
    /// What passed, stage by stage in the order of the pipeline, newest first.
    pub histories: Vec<Vec<History>>,
    /// What the first stage runs, when Gantry has never deployed the component.
    pub baseline: Option<Baseline>,
}

/// What a stage runs that Gantry never deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The stage.
    pub stage: StageName,
    /// What it runs.
    pub digest: Digest,
    /// The commit it was built from, where a tag of the image tells.
    pub commit: Option<CommitSha>,
}

/// What an untouched component runs in the new release. `None`: nothing is known to run.
pub fn carry(component: &Component, known: &Untouched<'_>) -> Option<ReleasedComponent> {
    let under_way = known.under_way.iter().rev().find_map(|release| {
        release.components.get(&component.name).filter(|component| component.source.is_new()).cloned()
    });
    let from_history = || {
        carried(&known.histories).map(|entry| ReleasedComponent {
            repository: component.repository.clone(),
            digest: entry.digest.clone(),
            commit: entry.commit.clone(),
            source: ComponentSource::Carried { stage: entry.stage.clone() },
        })
    };
    let from_baseline = || {
        known.baseline.as_ref().map(|baseline| ReleasedComponent {
            repository: component.repository.clone(),
            digest: baseline.digest.clone(),
            commit: baseline.commit.clone(),
            source: ComponentSource::Baseline { stage: baseline.stage.clone() },
        })
    };
    under_way.or_else(from_history).or_else(from_baseline)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::exchange;

    #[test]
    fn both_forms_of_a_release_are_read() {
        assert_eq!(
            parse(&exchange(), &json!({"commit": "4f2a9c1"})),
            Ok(Wanted::Release(WantedRelease::Commit(CommitPrefix::new("4f2a9c1").unwrap())))
        );
        let components =
            BTreeMap::from([(ComponentName::new("backend").unwrap(), Tag::new("sha-4f2a9c1").unwrap())]);
        assert_eq!(
            parse(&exchange(), &json!({"components": {"backend": "sha-4f2a9c1"}})),
            Ok(Wanted::Release(WantedRelease::Components(components)))
        );
    }

    #[test]
    fn a_rollback_is_read_with_its_defaults() {
        let read = |input: Value| match parse(&exchange(), &input) {
            Ok(Wanted::Rollback(wanted)) => {
                let names: Vec<String> = wanted.components.iter().map(ToString::to_string).collect();
                (wanted.stage.to_string(), names.join(" "), wanted.to.map(|to| to.to_string()))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(
            read(json!({"rollback": {"stage": "production"}})),
            ("production".to_owned(), "backend client engine".to_owned(), None)
        );
        assert_eq!(
            read(
                json!({"rollback": {"stage": "preproduction", "components": ["engine", "backend"], "to": "exchange-a-1"}})
            ),
            ("preproduction".to_owned(), "backend engine".to_owned(), Some("exchange-a-1".to_owned()))
        );
    }

    #[test]
    fn a_release_that_died_is_named_with_its_stage() {
        let wanted = WantedPutBack {
            stage: StageName::new("production").unwrap(),
            release: ReleaseId::new("exchange-a-1").unwrap(),
        };
        let input = json!({"rollback": {"stage": "production", "release": "exchange-a-1"}});
        assert_eq!(parse(&exchange(), &input), Ok(Wanted::PutBack(wanted)));
    }

    #[test]
    fn any_other_input_is_refused_with_what_was_wrong_and_what_is_accepted() {
        let cases = [
            (json!(null), "the input is null, not an object"),
            (json!([1]), "the input is an array, not an object"),
            (json!("4f2a9c1"), "the input is a string, not an object"),
            (json!({}), "the input says nothing"),
            (json!({"Comment": "Insert your JSON here"}), "field \"Comment\" is unknown"),
            (json!({"commit": "4f2a9c1", "force": true}), "field \"force\" is unknown"),
            (json!({"commit": 42}), "field \"commit\" is a number, not a string"),
            (json!({"commit": "main"}), "field \"commit\": \"main\" is not a commit"),
            (json!({"commit": "4f2a9c1", "components": {}}), "exclude each other"),
            (json!({"components": []}), "field \"components\" is an array, not an object"),
            (json!({"components": {}}), "field \"components\" names none"),
            (json!({"components": {"frontend": "sha-4f2a9c1"}}), "there is no component \"frontend\""),
            (json!({"components": {"backend": null}}), "field \"components.backend\" is null, not a tag"),
            (json!({"rollback": "production"}), "field \"rollback\" is a string, not an object"),
            (json!({"rollback": {}}), "field \"rollback.stage\" is missing"),
            (json!({"rollback": {"stage": "moon"}}), "there is no stage \"moon\""),
            (json!({"rollback": {"stage": "production", "to": 3}}), "field \"rollback.to\" is a number"),
            (json!({"rollback": {"stage": "production", "release": []}}), "\"rollback.release\" is an array"),
            (
                json!({"rollback": {"stage": "production", "release": "exchange-a-1", "to": "exchange-b-1"}}),
                "field \"rollback.release\" excludes",
            ),
            (json!({"rollback": {"stage": "production", "components": []}}), "names none"),
            (
                json!({"rollback": {"stage": "production", "components": ["x"]}}),
                "there is no component \"x\"",
            ),
            (json!({"rollback": {"stage": "production", "force": 1}}), "field \"force\" is unknown"),
            (json!({"rollback": {"stage": "production"}, "commit": "4f2a9c1"}), "excludes the others"),
            (
                json!({"components": {"backend": "a b"}}),
                "field \"components.backend\": \"a b\" is not an image tag",
            ),
        ];
        for (input, problem) in cases {
            let error = parse(&exchange(), &input).unwrap_err().to_string();
            assert!(error.contains(problem), "{input}: {error}");
            assert!(error.contains(r#"{"commit": "<7 to 40 digits>"}"#), "{error}");
            assert!(
                error.ends_with(
                    "with stages preproduction, production and components backend, client, engine"
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn t30_a_hostile_field_name_is_repeated_only_in_part() {
        let input = json!({ "x\n<!channel>".repeat(5000): 1 });
        let error = parse(&exchange(), &input).unwrap_err().to_string();
        assert!(error.len() < 500 && !error.contains('\n'), "{error}");
    }
}
