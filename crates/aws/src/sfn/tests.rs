use gantry_domain::ErrorName;
use gantry_domain::names::ExecutionArn;
use gantry_steps::ports::{
    Answered, ExecutionState, Executions as _, PortError, StartRelease as _, Started, StopExecutions as _,
    TaskToken, TaskTokens as _,
};
use serde_json::json;

use super::{SfnExecutions, SfnStart, SfnTaskTokens};
use crate::testing::{Answer, StubAws};

fn answering(answer: Answer) -> StubAws {
    StubAws::new(move |_| answer.clone())
}

#[tokio::test]
async fn t27_every_word_for_a_state_that_does_not_wait_means_closed() {
    for word in ["TaskTimedOut", "InvalidToken", "TaskDoesNotExist"] {
        let aws = answering(Answer::error(400, word, "closed"));
        let tokens = SfnTaskTokens::new(&aws.config());
        let token = TaskToken::new("t");
        assert_eq!(tokens.succeed(&token, &json!({})).await.unwrap(), Answered::Closed, "{word}");
        let failed = tokens.fail(&token, ErrorName::LockLost, "x").await.unwrap();
        assert_eq!(failed, Answered::Closed, "{word}");
    }
    let aws = answering(Answer::empty());
    let delivered = SfnTaskTokens::new(&aws.config()).succeed(&TaskToken::new("t"), &json!({})).await;
    assert_eq!(delivered.unwrap(), Answered::Delivered);
}

#[tokio::test]
async fn t27_an_answer_that_may_not_have_arrived_is_an_error_without_the_token() {
    for answer in [Answer::TimedOut, Answer::Broken, Answer::error(500, "InternalFailure", "oops")] {
        let aws = answering(answer);
        let error = SfnTaskTokens::new(&aws.config()).succeed(&TaskToken::new("hush"), &json!({})).await;
        let error = error.unwrap_err();
        assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}

#[tokio::test]
async fn t10_an_execution_that_exists_is_a_success() {
    let exists = answering(Answer::error(400, "ExecutionAlreadyExists", "exists"));
    let start =
        |aws: &StubAws| SfnStart::new(&aws.config(), "arn:aws:states:us-west-2:111122223333:stateMachine:m");
    let input = json!({ "commit": "4f2a9c1" });
    assert_eq!(start(&exists).start("exchange-4f2a9c1-1", &input).await.unwrap(), Started::Before);
    let fresh = answering(Answer::json(&json!({ "executionArn": "arn", "startDate": 1_795_000_000 })));
    assert_eq!(start(&fresh).start("exchange-4f2a9c1-1", &input).await.unwrap(), Started::Now);
    let asked = fresh.asked("StartExecution")[0].json();
    assert_eq!(
        (asked["name"].as_str(), asked["input"].as_str()),
        (Some("exchange-4f2a9c1-1"), Some(r#"{"commit":"4f2a9c1"}"#))
    );
    let denied = answering(Answer::error(400, "AccessDeniedException", "no"));
    let error = start(&denied).start("x", &input).await.unwrap_err();
    assert!(matches!(error, PortError::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn t08_an_execution_is_over_only_when_step_functions_says_so() {
    let arn = "arn:aws:states:us-west-2:111122223333:execution:m:one";
    let state = async |answer| {
        let aws = answering(answer);
        SfnExecutions::new(&aws.config()).state(&ExecutionArn::new(arn).unwrap()).await
    };
    let described = |status: &str| {
        Answer::json(&json!({
            "executionArn": arn, "stateMachineArn": "m", "status": status, "startDate": 1_795_000_000
        }))
    };
    for (status, expected) in [
        ("RUNNING", ExecutionState::Running),
        ("PENDING_REDRIVE", ExecutionState::Running),
        ("SOMETHING_NEW", ExecutionState::Running),
        ("SUCCEEDED", ExecutionState::Succeeded),
        ("FAILED", ExecutionState::Failed),
        ("TIMED_OUT", ExecutionState::TimedOut),
        ("ABORTED", ExecutionState::Aborted),
    ] {
        assert_eq!(state(described(status)).await.unwrap(), expected, "{status}");
    }
    let gone = Answer::error(400, "ExecutionDoesNotExist", "gone");
    assert_eq!(state(gone).await.unwrap(), ExecutionState::Gone);
    let unknown = state(Answer::TimedOut).await.unwrap_err();
    assert!(matches!(unknown, PortError::Unavailable { .. }), "not knowing is not having ended: {unknown:?}");
}

#[tokio::test]
async fn t08_an_execution_is_stopped_with_its_cause_and_one_that_is_gone_needs_no_stopping() {
    let arn = ExecutionArn::new("arn:aws:states:us-west-2:111122223333:execution:m:one").unwrap();
    let aws = answering(Answer::json(&json!({ "stopDate": 1_795_000_000 })));
    SfnExecutions::new(&aws.config()).stop(&arn, "nobody waits for it").await.unwrap();
    let asked = aws.asked("StopExecution")[0].json();
    assert_eq!(asked, json!({ "executionArn": arn, "cause": "nobody waits for it" }));
    let gone = answering(Answer::error(400, "ExecutionDoesNotExist", "gone"));
    SfnExecutions::new(&gone.config()).stop(&arn, "x").await.unwrap();
    let denied = answering(Answer::error(400, "AccessDeniedException", "no"));
    let error = SfnExecutions::new(&denied.config()).stop(&arn, "x").await.unwrap_err();
    assert!(matches!(error, PortError::Denied { .. }), "{error:?}");
}
