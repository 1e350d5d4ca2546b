//! Events of EventBridge and of the table's stream, read; what cannot be read is handed back with the cause.

use gantry_domain::names::ReleaseId;
use gantry_steps::ecr_intake::EcrIntakeInput;
use gantry_steps::send_notices::SendNoticesInput;
use gantry_steps::watch_executions::WatchExecutionsInput;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What was read of an event.
#[derive(Debug)]
pub struct Read<I> {
    /// What the step gets, if there is anything for it.
    pub input: Option<I>,
    /// What nobody can act on.
    pub unreadable: Vec<Unreadable>,
}

/// A part of an event that was not understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// The part.
    pub event: Value,
    /// Why.
    pub cause: String,
}

/// An image push, as EventBridge brings it.
pub fn ecr_push(event: Value) -> Read<EcrIntakeInput> {
    of_bus("an image push", event)
}

/// The end of an execution, as EventBridge brings it.
pub fn execution_ended(event: Value) -> Read<WatchExecutionsInput> {
    of_bus("an execution's status", event)
}

fn of_bus<I: DeserializeOwned>(what: &str, event: Value) -> Read<I> {
    match serde_json::from_value(event.clone()) {
        Ok(input) => Read { input: Some(input), unreadable: Vec::new() },
        Err(error) => {
            let cause = format!("not an event of {what}: {error}");
            Read { input: None, unreadable: vec![Unreadable { event, cause }] }
        }
    }
}

/// New rows of the releases table, as its stream brings them: the releases whose log has grown.
pub fn grown_logs(event: Value) -> Read<SendNoticesInput> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        let cause = "not an event of a table's stream: field `Records` is missing".to_owned();
        return Read { input: None, unreadable: vec![Unreadable { event, cause }] };
    };
    let (mut releases, mut unreadable) = (Vec::new(), Vec::new());
    for record in records {
        match grown_log(record) {
            Ok(Some(release)) if !releases.contains(&release) => releases.push(release),
            Ok(_) => {}
            Err(cause) => unreadable.push(Unreadable { event: record.clone(), cause }),
        }
    }
    let input = (!releases.is_empty()).then_some(SendNoticesInput { releases });
    Read { input, unreadable }
}

/// Whose log a record belongs to; `None` for rows that are no log entries.
fn grown_log(record: &Value) -> Result<Option<ReleaseId>, String> {
    let key = |name: &str| {
        let value = record.pointer(&format!("/dynamodb/Keys/{name}/S")).and_then(Value::as_str);
        value.ok_or_else(|| {
            format!("not a record of the releases table: field `dynamodb.Keys.{name}.S` is missing")
        })
    };
    let (pk, sk) = (key("pk")?, key("sk")?);
    match pk.strip_prefix("release#") {
        Some(id) if sk.starts_with("log#") => {
            ReleaseId::new(id).map(Some).map_err(|error| format!("field `dynamodb.Keys.pk.S`: {error}"))
        }
        _ => Ok(None),
    }
}

/// A tick of the schedule: whatever it holds.
pub fn tick(_: Value) -> Read<()> {
    Read { input: Some(()), unreadable: Vec::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(pk: &str, sk: &str) -> Value {
        json!({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": pk}, "sk": {"S": sk}}}})
    }

    #[test]
    fn releases_with_new_log_entries_are_named_once_in_order() {
        let read = grown_logs(json!({"Records": [
            record("release#exchange-b-1", "log#000001"), record("release#exchange-a-1", "log#000001"),
            record("release#exchange-b-1", "log#000002"), record("release#exchange-c-1", "manifest"),
            record("plan#00", "plan"),
        ]}));
        let releases: Vec<_> = read.input.unwrap().releases.iter().map(ToString::to_string).collect();
        assert_eq!(releases, ["exchange-b-1", "exchange-a-1"]);
        assert_eq!(read.unreadable, []);
    }

    #[test]
    fn t30_a_bad_record_does_not_keep_the_good_ones_from_being_read() {
        let odd = [
            json!(null),
            json!([]),
            json!({"dynamodb": {"Keys": []}}),
            record("release#<!channel>", "log#1"),
        ];
        let mut records = odd.to_vec();
        records.push(record("release#exchange-a-1", "log#000001"));
        let read = grown_logs(json!({ "Records": records }));
        assert_eq!(read.input.unwrap().releases.len(), 1);
        assert_eq!(read.unreadable.len(), odd.len());
        assert!(read.unreadable[0].cause.contains("`dynamodb.Keys.pk.S`"), "{}", read.unreadable[0].cause);
        for event in [json!(null), json!({}), json!({"Records": {}}), json!("x")] {
            let read = grown_logs(event.clone());
            assert!(read.input.is_none());
            assert_eq!(read.unreadable[0].event, event);
        }
    }

    #[test]
    fn an_image_event_that_cannot_be_read_comes_back_with_the_field() {
        let event = json!({"account": "111122223333", "region": "us-west-2", "time": "2026-11-21T12:00:00Z"});
        let read = ecr_push(event.clone());
        assert!(read.input.is_none());
        assert_eq!(read.unreadable[0].event, event);
        assert!(read.unreadable[0].cause.contains("`detail`"), "{}", read.unreadable[0].cause);
    }

    /// As AWS documents it, with every field.
    #[test]
    fn the_event_of_an_execution_is_read_as_aws_documents_it() {
        let arn = "arn:aws:states:us-east-1:123456789012:execution:state-machine-name:execution-name";
        for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
            let event = json!({
                "version": "0", "id": "315c1398-40ff-a850-213b-158f73e60175",
                "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
                "account": "123456789012", "time": "2019-02-26T19:42:21Z", "region": "us-east-1",
                "resources": [arn],
                "detail": {
                    "executionArn": arn, "name": "execution-name", "status": status, "startDate": 1_551_225_146_847_i64,
                    "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:state-machine-name",
                    "stopDate": 1_551_225_151_881_i64, "input": "{}", "inputDetails": {"included": true}, "output": null,
                    "outputDetails": null, "stateMachineVersionArn": null, "stateMachineAliasArn": null,
                    "redriveCount": 0, "redriveDate": null, "redriveStatus": "REDRIVABLE", "redriveStatusReason": null,
                    "error": null, "cause": null,
                },
            });
            let input = execution_ended(event).input.unwrap();
            assert_eq!((input.detail.execution_arn.as_str(), &*input.detail.status), (arn, status));
        }
        let read = execution_ended(json!({"detail": {"status": "ABORTED"}}));
        assert!(read.input.is_none());
        assert!(read.unreadable[0].cause.contains("`executionArn`"), "{}", read.unreadable[0].cause);
    }
}
