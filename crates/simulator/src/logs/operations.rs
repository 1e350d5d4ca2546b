//! Reading streams and groups.

use serde_json::{Value, json};

use super::{Groups, Lines};
use crate::aws::AwsError;

/// The group a request means, by name or ARN.
pub(super) fn group_of(input: &Value) -> Option<&str> {
    let given = input["logGroupName"].as_str().or_else(|| input["logGroupIdentifier"].as_str())?;
    let name = given.split(":log-group:").nth(1).unwrap_or(given);
    Some(name.strip_suffix(":*").unwrap_or(name))
}

fn invalid(message: &str) -> AwsError {
    AwsError::client("InvalidParameterException", message)
}

fn missing(what: &str) -> AwsError {
    AwsError::client("ResourceNotFoundException", format!("The specified log {what} does not exist."))
}

fn streams<'a>(
    groups: &'a Groups,
    input: &Value,
) -> Result<&'a std::collections::BTreeMap<String, Lines>, AwsError> {
    let group =
        group_of(input).ok_or_else(|| invalid("Either logGroupName or logGroupIdentifier is required."))?;
    groups.get(group).ok_or_else(|| missing("group"))
}

fn limit(input: &Value, most: usize) -> Result<usize, AwsError> {
    match input.get("limit") {
        None => Ok(most),
        Some(given) => {
            let given = given.as_u64().and_then(|given| usize::try_from(given).ok());
            given.filter(|given| (1..=most).contains(given)).ok_or_else(|| {
                invalid(&format!("Value at 'limit' failed to satisfy constraint: between 1 and {most}"))
            })
        }
    }
}

/// Whether an event lies in the request's range of time: from its start, to before its end.
fn in_range(input: &Value, milliseconds: i64) -> bool {
    input["startTime"].as_i64().is_none_or(|start| milliseconds >= start)
        && input["endTime"].as_i64().is_none_or(|end| milliseconds < end)
}

/// One stream's events: the newest page unless asked for the oldest; tokens lead on in both directions.
pub(super) fn get_log_events(groups: &Groups, input: &Value) -> Result<Value, AwsError> {
    let stream = input["logStreamName"].as_str().ok_or_else(|| invalid("logStreamName is required."))?;
    let lines = streams(groups, input)?.get(stream).ok_or_else(|| missing("stream"))?;
    let limit = limit(input, 10_000)?;
    let events: Vec<Value> = lines
        .events
        .iter()
        .filter(|(at, _)| in_range(input, at.as_millisecond()))
        .map(|(at, message)| {
            let at = at.as_millisecond();
            json!({"timestamp": at, "ingestionTime": at, "message": message})
        })
        .collect();
    let from_head = input["startFromHead"].as_bool().unwrap_or(false);
    let (from, to) = match input["nextToken"].as_str() {
        None if from_head => (0, limit.min(events.len())),
        None => (events.len().saturating_sub(limit), events.len()),
        Some(token) => {
            let bad = || invalid("The specified nextToken is invalid.");
            let (direction, position) = token.split_once('/').ok_or_else(bad)?;
            let position: usize = position.parse().map_err(|_| bad())?;
            let position = position.min(events.len());
            match direction {
                "f" => (position, position.saturating_add(limit).min(events.len())),
                "b" => (position.saturating_sub(limit), position),
                _ => return Err(bad()),
            }
        }
    };
    Ok(json!({
        "events": events.get(from..to).unwrap_or_default(),
        "nextForwardToken": format!("f/{to}"),
        "nextBackwardToken": format!("b/{from}"),
    }))
}

/// A group's streams by name, or by their last event.
pub(super) fn describe_log_streams(
    groups: &Groups,
    input: &Value,
    arn: impl Fn(&str, &str) -> String,
) -> Result<Value, AwsError> {
    let by_time = match input["orderBy"].as_str() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") => true,
        Some(_) => return Err(invalid("orderBy must be LogStreamName or LastEventTime.")),
    };
    let prefix = input["logStreamNamePrefix"].as_str();
    if by_time && prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let group = group_of(input).unwrap_or_default();
    let mut found: Vec<(&String, &Lines)> = streams(groups, input)?
        .iter()
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .collect();
    if by_time {
        found.sort_by_key(|(_, lines)| lines.events.last().map_or(lines.created_at, |(at, _)| *at));
    }
    if input["descending"].as_bool().unwrap_or(false) {
        found.reverse();
    }
    let shown = |(name, lines): (&String, &Lines)| {
        let mut shown = json!({
            "logStreamName": name,
            "arn": arn(group, name),
            "creationTime": lines.created_at.as_millisecond(),
            "storedBytes": 0,
        });
        if let (Some((first, _)), Some((last, _))) = (lines.events.first(), lines.events.last()) {
            shown["firstEventTimestamp"] = first.as_millisecond().into();
            shown["lastEventTimestamp"] = last.as_millisecond().into();
            shown["lastIngestionTime"] = last.as_millisecond().into();
        }
        shown
    };
    page(input, "logStreams", found.into_iter().map(shown).collect(), limit(input, 50)?)
}

/// Events of several streams in the order of time; a filter pattern is a list of words that must all be there.
pub(super) fn filter_log_events(groups: &Groups, input: &Value) -> Result<Value, AwsError> {
    let prefix = input["logStreamNamePrefix"].as_str();
    let names = input["logStreamNames"].as_array();
    if prefix.is_some() && names.is_some() {
        return Err(invalid("logStreamNamePrefix and logStreamNames cannot both be given."));
    }
    let pattern = input["filterPattern"].as_str().unwrap_or_default();
    if pattern.contains(['{', '[', '?', '%', '-']) {
        return Err(invalid("Only filter patterns of words are simulated."));
    }
    let words: Vec<&str> = pattern.split_whitespace().map(|word| word.trim_matches('"')).collect();
    let mut events = Vec::new();
    for (name, lines) in streams(groups, input)? {
        let wanted = prefix.is_none_or(|prefix| name.starts_with(prefix))
            && names.is_none_or(|names| names.iter().any(|wanted| wanted == name));
        for (position, (at, message)) in lines.events.iter().enumerate().filter(|_| wanted) {
            let at = at.as_millisecond();
            if in_range(input, at) && words.iter().all(|word| message.contains(word)) {
                events.push(json!({
                    "logStreamName": name, "timestamp": at, "ingestionTime": at, "message": message,
                    "eventId": format!("{at}{position:020}"),
                }));
            }
        }
    }
    events.sort_by_key(|event| event["timestamp"].as_i64());
    let mut answer = page(input, "events", events, limit(input, 10_000)?)?;
    answer["searchedLogStreams"] = json!([]);
    Ok(answer)
}

fn page(input: &Value, name: &str, all: Vec<Value>, limit: usize) -> Result<Value, AwsError> {
    let from: usize = match input["nextToken"].as_str() {
        Some(token) => token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
        None => 0,
    };
    let more = all.len() > from.saturating_add(limit);
    let mut answer = json!({ name: all.into_iter().skip(from).take(limit).collect::<Vec<_>>() });
    if more {
        answer["nextToken"] = json!((from + limit).to_string());
    }
    Ok(answer)
}
