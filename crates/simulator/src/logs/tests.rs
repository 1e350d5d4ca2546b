//! Reading what was written.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Logs, Stream};
use crate::aws::JsonService;

const GROUP: &str = "/ecs/web";

fn stream(name: &str) -> Stream {
    Stream { group: GROUP.into(), name: name.into() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Three lines of one task, one of another, and a stream without lines.
fn written() -> Logs {
    let logs = Logs::new("111122223333", "us-west-2");
    for (second, name, line) in
        [(10, "web/app/a", "booting"), (12, "web/app/a", "ERROR no database"), (11, "web/app/b", "booting")]
    {
        logs.write(&stream(name), at(second), line);
    }
    logs.write(&stream("web/app/a"), at(13), "bye");
    logs.open(&stream("web/app/c"), at(20));
    logs
}

fn ask(logs: &Logs, operation: &str, mut input: Value) -> Value {
    input["logGroupName"] = json!(GROUP);
    logs.call(operation, &input).unwrap()
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[test]
fn the_tail_of_a_stream_comes_first_and_tokens_lead_back() {
    let logs = written();
    let tail = ask(&logs, "GetLogEvents", json!({"logStreamName": "web/app/a", "limit": 2}));
    assert_eq!(messages(&tail), ["ERROR no database", "bye"]);
    assert_eq!(tail["events"][0]["timestamp"], 12_000);
    let input = json!({"logStreamName": "web/app/a", "limit": 2, "nextToken": tail["nextBackwardToken"]});
    assert_eq!(messages(&ask(&logs, "GetLogEvents", input)), ["booting"]);
    let input = json!({"logStreamName": "web/app/a", "nextToken": tail["nextForwardToken"]});
    let end = ask(&logs, "GetLogEvents", input);
    assert!(messages(&end).is_empty());
    assert_eq!(end["nextForwardToken"], tail["nextForwardToken"], "the end is where the token stays");
    let head = json!({"logStreamName": "web/app/a", "limit": 1, "startFromHead": true});
    assert_eq!(messages(&ask(&logs, "GetLogEvents", head)), ["booting"]);
    let range = json!({"logStreamName": "web/app/a", "startTime": 12_000, "endTime": 13_000});
    assert_eq!(messages(&ask(&logs, "GetLogEvents", range)), ["ERROR no database"]);
}

#[test]
fn streams_are_listed_by_name_or_by_their_last_event() {
    let logs = written();
    let names = |input: Value| -> Vec<String> {
        let answer = ask(&logs, "DescribeLogStreams", input);
        let streams = answer["logStreams"].as_array().unwrap();
        streams.iter().map(|stream| stream["logStreamName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!({})), ["web/app/a", "web/app/b", "web/app/c"]);
    assert_eq!(names(json!({"logStreamNamePrefix": "web/app/b"})), ["web/app/b"]);
    let newest = json!({"orderBy": "LastEventTime", "descending": true, "limit": 2});
    assert_eq!(names(newest), ["web/app/c", "web/app/a"]);
    let first = ask(&logs, "DescribeLogStreams", json!({"limit": 2}));
    assert_eq!(names(json!({"limit": 2, "nextToken": first["nextToken"]})), ["web/app/c"]);
    assert_eq!(first["logStreams"][0]["lastEventTimestamp"], 13_000);
}

#[test]
fn events_of_a_group_are_filtered_by_words_and_streams() {
    let logs = written();
    let all = ask(&logs, "FilterLogEvents", json!({}));
    assert_eq!(messages(&all), ["booting", "booting", "ERROR no database", "bye"], "in the order of time");
    let input = json!({"filterPattern": "ERROR database"});
    assert_eq!(messages(&ask(&logs, "FilterLogEvents", input)), ["ERROR no database"]);
    let input = json!({"logStreamNames": ["web/app/b"], "filterPattern": "booting"});
    assert_eq!(messages(&ask(&logs, "FilterLogEvents", input)).len(), 1);
    let mut odd = json!({"filterPattern": "{ $.level = 1 }", "logGroupName": GROUP});
    assert_eq!(logs.call("FilterLogEvents", &odd).unwrap_err().code, "InvalidParameterException");
    odd["filterPattern"] = json!("");
    assert!(logs.call("FilterLogEvents", &odd).is_ok());
}

#[test]
fn what_is_not_there_is_refused_in_aws_s_words() {
    let logs = written();
    let cases = [
        (
            "GetLogEvents",
            json!({"logGroupName": "/ecs/ghost", "logStreamName": "a"}),
            "ResourceNotFoundException: The specified log group does not exist.",
        ),
        (
            "GetLogEvents",
            json!({"logGroupName": GROUP, "logStreamName": "a"}),
            "ResourceNotFoundException: The specified log stream does not exist.",
        ),
        (
            "DescribeLogStreams",
            json!({"logGroupName": GROUP, "limit": 51}),
            "InvalidParameterException: Value at 'limit' failed to satisfy constraint: between 1 and 50",
        ),
        (
            "PutLogEvents",
            json!({}),
            "UnknownOperationException: CloudWatch Logs PutLogEvents is not simulated",
        ),
    ];
    for (operation, input, wanted) in cases {
        assert_eq!(logs.call(operation, &input).unwrap_err().to_string(), wanted, "{operation}");
    }
}

#[test]
fn iam_is_asked_about_the_stream_or_the_group() {
    let logs = written();
    let arn = "arn:aws:logs:us-west-2:111122223333:log-group:/ecs/web:log-stream:";
    let asked = |operation: &str, input: Value| -> Vec<(String, String)> {
        let checks = logs.authorization(operation, &input);
        checks.into_iter().map(|check| (check.action, check.resource)).collect()
    };
    assert_eq!(
        asked("GetLogEvents", json!({"logGroupName": GROUP, "logStreamName": "web/app/a"})),
        [("logs:GetLogEvents".to_owned(), format!("{arn}web/app/a"))]
    );
    let by_arn = json!({"logGroupIdentifier": "arn:aws:logs:us-west-2:111122223333:log-group:/ecs/web:*"});
    assert_eq!(asked("FilterLogEvents", by_arn), [("logs:FilterLogEvents".to_owned(), arn.to_owned())]);
    assert!(asked("DeleteLogGroup", json!({"logGroupName": GROUP})).is_empty());
}
