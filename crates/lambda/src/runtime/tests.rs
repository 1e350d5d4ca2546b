use std::sync::Mutex;

use async_trait::async_trait;
use gantry_steps::ports::PortError;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::events::ecr_push;
use crate::testing::Outside;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    stage: String,
}

fn event(payload: Value) -> LambdaEvent<Value> {
    LambdaEvent::new(payload, in_a_minute(60_000))
}

/// The context of an invocation with so many milliseconds left.
fn in_a_minute(left: u64) -> Context {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut context = Context::default();
    context.deadline = u64::try_from(now.as_millis()).unwrap() + left;
    context
}

#[derive(Default)]
struct Letters {
    kept: Mutex<Vec<DeadLetter>>,
    is_down: bool,
}

#[async_trait]
impl DeadLetters for Letters {
    async fn put(&self, letter: &DeadLetter) -> Result<(), PortError> {
        if self.is_down {
            return Err(PortError::Unavailable { call: "sqs:SendMessage".into(), source: "down".into() });
        }
        self.kept.lock().unwrap().push(letter.clone());
        Ok(())
    }
}

#[tokio::test]
async fn a_state_gets_its_input_and_gives_its_output() {
    let mask = Mask::default();
    let step = async |input: Input| Ok::<_, PortError>(json!({"seen": input.stage}));
    let output = run_task(&mask, event(json!({"stage": "production", "more": 1})), step).await.unwrap();
    assert_eq!(output, json!({"seen": "production"}));
}

#[tokio::test]
async fn t30_an_input_the_state_does_not_accept_is_named_and_its_step_does_not_run() {
    for odd in [json!(null), json!([]), json!({}), json!({"stage": 7})] {
        let step = async |_: Input| -> Result<(), PortError> { panic!("it ran") };
        let error = run_task(&Mask::default(), event(odd), step).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidInput");
        assert!(error.error_message.starts_with("the state's input is not what it accepts: "), "{error:?}");
    }
}

#[tokio::test]
async fn t07_a_task_token_is_in_no_error() {
    let mask = Mask::default();
    let input = json!({"stage": "production", "token": "AQB-token-canary"});
    let step = async |_: Input| -> Result<(), PortError> {
        Err(PortError::Rejected {
            call: "states:SendTaskSuccess".into(),
            source: "AQB-token-canary is odd".into(),
        })
    };
    let error = run_task(&mask, event(input), step).await.unwrap_err();
    assert_eq!(error.error_type, "Inconsistent");
    assert_eq!(error.error_message, "states:SendTaskSuccess was refused: *** is odd");
    // Not even in the one about the input it came with.
    let wrong = json!({"stage": ["AQB-token-canary"], "token": "AQB-token-canary"});
    let step = async |_: Input| Ok::<_, PortError>(());
    let error = run_task(&mask, event(wrong), step).await.unwrap_err();
    assert!(!error.error_message.contains("canary"), "{error:?}");
}

#[tokio::test]
async fn t23_a_step_without_time_left_ends_in_an_error_that_is_retried() {
    let step = async |_: Input| -> Result<(), PortError> { std::future::pending().await };
    let out_of_time = LambdaEvent::new(json!({"stage": "production"}), in_a_minute(520));
    let error = run_task(&Mask::default(), out_of_time, step).await.unwrap_err();
    assert_eq!(error.error_type, "Unavailable");
    let request =
        json!({"headers": {}, "requestContext": {"http": {"method": "POST"}}, "isBase64Encoded": false});
    let late = LambdaEvent::new(request, in_a_minute(520));
    let answer = run_http(late, async |_, _| std::future::pending().await).await;
    assert_eq!(answer["statusCode"], 500);
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_not_dealt_with() {
    for odd in [json!(null), json!([]), json!({"headers": 7})] {
        let answer = run_http(event(odd), async |_, _| panic!("it ran")).await;
        assert_eq!(answer["statusCode"], 400);
        assert!(answer["body"].as_str().unwrap().contains("cannot be read"));
    }
}

#[tokio::test]
async fn an_event_that_is_not_understood_goes_to_the_dead_letters_with_its_cause() {
    let (mask, letters) = (Mask::default(), Letters::default());
    mask.learn("canary-secret");
    let odd = json!({"source": "aws.ecr", "detail": {"repository-name": "canary-secret"}});
    let step = async |_| -> Result<(), PortError> { panic!("it ran") };
    let answer = run_event("ecr-intake", &mask, &letters, ecr_push, event(odd), step).await;
    assert_eq!(answer, Ok(Value::Null));
    let kept = letters.kept.lock().unwrap().clone();
    let [letter] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!(letter.function, "ecr-intake");
    assert!(letter.cause.contains("missing field `result`"), "{letter:?}");
    assert!(letter.event.contains("aws.ecr") && !letter.event.contains("canary"), "{letter:?}");
}

#[tokio::test]
async fn an_event_that_cannot_even_be_put_aside_is_lambdas_to_try_again() {
    let letters = Letters { is_down: true, ..Letters::default() };
    let step = async |_| -> Result<(), PortError> { panic!("it ran") };
    let answer = run_event("ecr-intake", &Mask::default(), &letters, ecr_push, event(json!({})), step).await;
    assert_eq!(answer.unwrap_err().error_type, "Unavailable");
}

#[tokio::test]
async fn dead_letters_arrive_in_the_queue() {
    let outside = Outside::new().await;
    outside.aws("AmazonSQS.SendMessage", json!({"MessageId": "1", "MD5OfMessageBody": "ignored"})).await;
    let letters = outside.wiring.dead_letters().unwrap();
    let step = async |_| -> Result<(), PortError> { panic!("it ran") };
    // The checksum of the answer is wrong on purpose or not looked at; what matters is what was sent.
    drop(run_event("ecr-intake", &outside.mask, &letters, ecr_push, event(json!({"odd": 1})), step).await);
    let requests = outside.server.received_requests().await.unwrap();
    let sent: Value = requests[0].body_json().unwrap();
    let letter: DeadLetter = serde_json::from_str(sent["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!((&*letter.function, &*letter.event), ("ecr-intake", r#"{"odd":1}"#));
}
