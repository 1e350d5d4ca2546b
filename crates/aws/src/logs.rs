//! What containers print, from CloudWatch Logs, as the stage's observing role.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use gantry_domain::task_definition::LogStream;
use gantry_steps::ports::{PortError, ReadLogs, StageScope};

use crate::error::classify;
use crate::sts::StageSessions;

/// A page may be empty though there is more: CloudWatch Logs looks through a stream in portions.
const PAGES: usize = 3;

/// Logs in the stages' accounts. A page holds at most a megabyte, whatever is asked for.
#[derive(Debug, Clone)]
pub struct CloudWatchLogs {
    sessions: Arc<StageSessions>,
}

impl CloudWatchLogs {
    /// Uses these sessions.
    pub fn new(sessions: Arc<StageSessions>) -> Self {
        Self { sessions }
    }
}

#[async_trait]
impl ReadLogs for CloudWatchLogs {
    async fn tail(
        &self,
        scope: &StageScope,
        stream: &LogStream,
        count: u16,
    ) -> Result<Option<Vec<String>>, PortError> {
        let session = self.sessions.session(scope).await?;
        // A log is a courtesy: the function has a verdict to return.
        let logs = Client::from_conf(Builder::from(&session.config).timeout_config(timeouts()).build());
        let call = format!("logs:GetLogEvents of {}", stream.group);
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let request = logs
                .get_log_events()
                .log_group_name(&stream.group)
                .log_stream_name(&stream.stream)
                .start_from_head(false)
                .limit(i32::from(count))
                .set_next_token(next.clone());
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    let service = error.as_service_error();
                    return if service.is_some_and(|error| error.is_resource_not_found_exception()) {
                        Ok(None)
                    } else {
                        Err(classify(call, error))
                    };
                }
            };
            let events = answer.events.unwrap_or_default();
            let is_last = answer.next_backward_token.is_none() || answer.next_backward_token == next;
            if !events.is_empty() || is_last {
                let messages = events.into_iter().filter_map(|event| event.message);
                return Ok(Some(messages.collect()));
            }
            next = answer.next_backward_token;
        }
        Ok(Some(Vec::new()))
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(4))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, Asked, StubAws, scope, sessions};

    async fn tail(
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> (Result<Option<Vec<String>>, PortError>, Vec<Asked>) {
        let aws = StubAws::new(script);
        let stream =
            LogStream { group: "/ecs/web".to_owned(), stream: "web/app/0123".to_owned(), region: None };
        let logs = CloudWatchLogs::new(Arc::new(sessions(&aws)));
        let told = logs.tail(&scope(), &stream, 25).await;
        (told, aws.asked("GetLogEvents"))
    }

    #[tokio::test]
    async fn the_end_of_a_stream_is_read_as_the_stages_role() {
        let event = |message: &str| json!({"timestamp": 1, "message": message, "ingestionTime": 2});
        let answer = json!({"events": [event("one"), event("two")], "nextBackwardToken": "b/1"});
        let (told, asked) = tail(move |_| Answer::json(&answer)).await;
        assert_eq!(told.unwrap().unwrap(), ["one", "two"]);
        let [asked] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(asked.signed_by, "STAGEKEY");
        assert_eq!(
            asked.json(),
            json!({"logGroupName": "/ecs/web", "logStreamName": "web/app/0123", "startFromHead": false, "limit": 25})
        );
    }

    #[tokio::test]
    async fn an_empty_page_leads_back_to_the_one_before_but_not_for_ever() {
        let (told, asked) = tail(|asked| match asked.json()["nextToken"].as_str() {
            None => Answer::json(&json!({"events": [], "nextBackwardToken": "b/1"})),
            Some(_) => Answer::json(&json!({"events": [{"message": "one"}], "nextBackwardToken": "b/2"})),
        })
        .await;
        assert_eq!((told.unwrap().unwrap(), asked.len()), (vec!["one".to_owned()], 2));
        let (told, asked) = tail(|_| Answer::json(&json!({"events": [], "nextBackwardToken": "b/1"}))).await;
        assert_eq!((told.unwrap().unwrap(), asked.len()), (vec![], 2), "the token stays: that is the end");
        let pages = std::sync::atomic::AtomicU32::new(0);
        let (told, asked) = tail(move |_| {
            let page = pages.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Answer::json(&json!({"events": [], "nextBackwardToken": format!("b/{page}")}))
        })
        .await;
        assert_eq!((told.unwrap().unwrap(), asked.len()), (vec![], PAGES));
    }

    #[tokio::test]
    async fn a_stream_that_is_not_there_is_no_error_and_a_group_that_is_closed_is_one() {
        let (told, _) = tail(|_| Answer::error(400, "ResourceNotFoundException", "no such stream")).await;
        assert_eq!(told.unwrap(), None);
        let (told, _) = tail(|_| Answer::error(400, "AccessDeniedException", "not authorized")).await;
        let error = told.unwrap_err();
        assert!(
            matches!(&error, PortError::Denied { call, .. } if call == "logs:GetLogEvents of /ecs/web"),
            "{error:?}"
        );
    }
}
