//! Single values: names from the domain, and texts with a meaning of their own.

use std::borrow::Cow;
use std::time::Duration;

use gantry_domain::names::{
    AccountId, BranchName, ClusterName, ComponentName, ContainerName, Digest, GitHubRepository, MondayColumn,
    MondayId, PipelineName, Region, RepositoryName, RoleArn, ServiceName, SlackId, StageName, StepName,
};
use gantry_domain::pipeline::TaskDefinitionBase;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use toml::de::DeValue;

use super::{List, Node, Read, read_at};
use crate::mistake::{At, Gathered, Place};

fn text<'a>(node: &'a Node<'_>, expected: &str, mistakes: &mut Gathered) -> Option<&'a str> {
    let text = node.value.as_str();
    if text.is_none() {
        node.expected(expected, mistakes);
    }
    text
}

macro_rules! names {
    ($($name:ty),* $(,)?) => {$(
        impl Read for $name {
            fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self> {
                let name = <$name>::new(text(node, "a text", mistakes)?);
                name.map_err(|error| mistakes.add(&node.place, error.to_string())).ok()
            }
        }
    )*};
}
names!(
    AccountId,
    BranchName,
    ClusterName,
    ComponentName,
    ContainerName,
    Digest,
    GitHubRepository,
    MondayColumn,
    MondayId,
    PipelineName,
    Region,
    RepositoryName,
    RoleArn,
    ServiceName,
    SlackId,
    StageName,
    StepName,
);

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Read for $number {
            fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self> {
                let number = node.value.as_integer().and_then(|it| <$number>::from_str_radix(it.as_str(), it.radix()).ok());
                if number.is_none() {
                    node.expected(&format!("a whole number from 0 to {}", <$number>::MAX), mistakes);
                }
                number
            }
        }
    )*};
}
numbers!(u16, u32);

impl Read for bool {
    fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self> {
        let flag = node.value.as_bool();
        if flag.is_none() {
            node.expected("true or false", mistakes);
        }
        flag
    }
}

/// Declares a text that is checked when it is read: its JSON Schema and what was expected of a wrong one.
macro_rules! texts {
    ($($(#[doc = $doc:literal])* $name:ident($inner:ty), $expected:literal, $pattern:literal, $parse:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) $inner);

        impl Read for $name {
            fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self> {
                let parse: fn(&str) -> Option<$inner> = $parse;
                let parsed = parse(text(node, $expected, mistakes)?);
                if parsed.is_none() {
                    node.expected($expected, mistakes);
                }
                parsed.map(Self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )*};
}

texts! {
    /// A span of time.
    Span(Duration), "a duration such as \"30s\", \"10m\" or \"1h30m\"", r"^([0-9]+(ms|s|m|h))+$", duration;
    /// A glob over paths of the repository.
    Glob(String),
    "a path or glob relative to the repository's root, such as \"backend/**\" or \"docs/*.md\"",
    r"^[^/\\\s][^\\\s]*$",
    |text| is_glob(text).then(|| text.to_owned());
    /// A workflow file.
    Workflow(String),
    "a workflow file such as \".github/workflows/backend.yml\"",
    r"^\.github/workflows/[A-Za-z0-9._-]+\.ya?ml$",
    |text| is_workflow(text).then(|| text.to_owned());
    /// A JSON Pointer.
    Pointer(String),
    "a JSON Pointer such as \"/status\"",
    r"^(/([^~/]|~[01])*)*$",
    |text| is_pointer(text).then(|| text.to_owned());
    /// A URL, or one that starts with a component's base URL in braces. Checked where its stage is known.
    UrlText(String),
    "a URL without spaces",
    r"^\S+$",
    |text| (!text.is_empty() && !text.contains(char::is_whitespace)).then(|| text.to_owned());
    /// A host without port.
    Host(String),
    "a host name or IP address without port",
    r"^[A-Za-z0-9.:\[\]-]+$",
    |text| host(text).map(|host| host.to_string());
    /// How families of task definitions are named.
    Families(String),
    "a family of task definitions with {service} in it, such as \"exchange-{service}\"",
    r"^[A-Za-z0-9_-]*\{service\}[A-Za-z0-9_-]*$",
    |text| is_families(text).then(|| text.to_owned());
    /// How log groups are named.
    LogGroups(String),
    "a log group, with or without {service} or {family} in it, such as \"/ecs/{family}\", or an empty text",
    r"^([A-Za-z0-9_/.#-]|\{service\}|\{family\})*$",
    |text| is_log_groups(text).then(|| text.to_owned());
    /// What a new task definition is made from.
    Base(TaskDefinitionBase),
    "\"service\" or \"family-latest\"",
    "^(service|family-latest)$",
    |text| match text {
        "service" => Some(TaskDefinitionBase::Service),
        "family-latest" => Some(TaskDefinitionBase::FamilyLatest),
        _ => None,
    };
    /// A label of a status column.
    Label(String),
    "a label of up to 60 characters in one line",
    r"^\S([^\n\r]{0,58}\S)?$",
    |text| is_label(text).then(|| text.to_owned());
    /// One word of a command.
    Command(String),
    "a word of a command",
    "",
    |text| (!text.contains('\0')).then(|| text.to_owned());
}

/// A host as URLs spell it; IPv6 addresses may come without brackets.
pub(crate) fn host(text: &str) -> Option<url::Host> {
    url::Host::parse(text).or_else(|_| url::Host::parse(&format!("[{text}]"))).ok()
}

/// Whole numbers with units, added up.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit);
        let span = match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            _ => return None,
        };
        total = total.checked_add(span)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// `*` and `?` within a segment, `**` as a whole one; no way out of the repository, no classes or alternatives.
fn is_glob(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/*?+@ ".contains(c);
    !text.is_empty()
        && text.chars().all(allowed)
        && text.trim() == text
        && text.split('/').all(|segment| {
            !segment.is_empty()
                && segment != "."
                && segment != ".."
                && (!segment.contains("**") || segment == "**")
        })
}

fn is_workflow(text: &str) -> bool {
    text.strip_prefix(".github/workflows/")
        .and_then(|file| file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml")))
        .is_some_and(|stem| {
            !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        })
}

/// RFC 6901: empty, or segments that each start with a slash, where `~` only occurs as `~0` or `~1`.
fn is_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/'))
        && text.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}

fn is_label(text: &str) -> bool {
    (1..=60).contains(&text.chars().count()) && text.trim() == text && !text.contains(char::is_control)
}

fn is_families(text: &str) -> bool {
    let Some((before, after)) = text.split_once("{service}") else { return false };
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    text.len() <= 120 && plain(before) && plain(after)
}

/// A log group as AWS allows it, without wildcards: it ends up in a policy.
fn is_log_groups(text: &str) -> bool {
    let plain = text.replace("{service}", "").replace("{family}", "");
    text.len() <= 300 && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/.#-".contains(&b))
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

/// A text, number or truth value, as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Scalar(pub(crate) Value);

impl Read for Scalar {
    fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self> {
        let value = match node.value {
            DeValue::String(text) => Some(Value::from(text.as_ref())),
            DeValue::Boolean(flag) => Some(Value::from(*flag)),
            DeValue::Integer(it) => i64::from_str_radix(it.as_str(), it.radix()).ok().map(Value::from),
            DeValue::Float(it) => {
                it.as_str().parse().ok().and_then(serde_json::Number::from_f64).map(Value::from)
            }
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        };
        if value.is_none() {
            node.expected("a text, a number, true or false", mistakes);
        }
        value.map(Self)
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// A table whose keys the file chooses.
#[derive(Debug, Clone)]
pub(crate) struct Entries<T>(pub(crate) Vec<(At<String>, At<T>)>);

impl<T: Read> Read for Entries<T> {
    fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self> {
        let Some(table) = node.value.as_table() else {
            node.expected("a table", mistakes);
            return None;
        };
        let each = table.iter().filter_map(|(key, value)| {
            let name = key.get_ref().to_string();
            let path = node.place.field(&name).path;
            let value = read_at(&Node::new(value, path.clone()), mistakes)?;
            Some((At { value: name, place: Place { offset: Some(key.span().start), path } }, value))
        });
        Some(Self(each.collect()))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Entries_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        for wrong in
            ["", "10", "m", "10 m", "-1s", "1.5h", "1d", "99999999999999999999h", "5124095576030432h"]
        {
            assert_eq!(duration(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn globs_stay_inside_the_repository() {
        for good in ["backend/**", "*.md", "docs/*.md", "Gemfile.lock", "a/**/b?.rs"] {
            assert!(is_glob(good), "{good:?}");
        }
        for bad in
            ["", "/etc", "../x", "a/../b", "a//b", "a**/b", "[ab]/c", "{a,b}", "!x", "a\\b", "./a", "docs/"]
        {
            assert!(!is_glob(bad), "{bad:?}");
        }
    }

    #[test]
    fn pointers_follow_rfc_6901() {
        for good in ["", "/", "/status", "/a~1b/~0"] {
            assert!(is_pointer(good), "{good:?}");
        }
        for bad in ["status", "/a~", "/a~2"] {
            assert!(!is_pointer(bad), "{bad:?}");
        }
    }
}
