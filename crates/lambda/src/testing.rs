//! A function wired for real, before an AWS, a Slack and a GitHub that only write down what they are asked.

use std::collections::BTreeMap;

use gantry_domain::testing::exchange;
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::mask::Mask;
use crate::settings::{Settings, Source};
use crate::wiring::Wiring;

/// What both vendors sign with.
pub(crate) const SECRET: &str = "signing-canary";

/// The outside of a function.
pub(crate) struct Outside {
    pub(crate) server: MockServer,
    pub(crate) wiring: Wiring,
    pub(crate) mask: Mask,
    /// Holds `gantry.json`.
    _task_root: TempDir,
}

struct Map(BTreeMap<String, String>);

impl Source for Map {
    fn get(&self, variable: &str) -> Option<String> {
        self.0.get(variable).cloned()
    }
}

impl Outside {
    pub(crate) async fn new() -> Self {
        let server = MockServer::start().await;
        let secret = json!({"ARN": "arn", "Name": "secret", "SecretString": SECRET});
        Mock::given(header("x-amz-target", "secretsmanager.GetSecretValue"))
            .respond_with(ResponseTemplate::new(200).set_body_json(secret))
            .with_priority(1)
            .mount(&server)
            .await;
        Mock::given(any()).respond_with(ResponseTemplate::new(500)).with_priority(9).mount(&server).await;
        let task_root = tempfile::tempdir().unwrap();
        let pipeline = serde_json::to_vec(&exchange()).unwrap();
        std::fs::write(task_root.path().join("gantry.json"), pipeline).unwrap();
        let mut settings: BTreeMap<String, String> = [
            ("GANTRY_RELEASES_TABLE", "releases"),
            ("GANTRY_APPROVALS_TABLE", "approvals"),
            ("GANTRY_LOCKS_TABLE", "locks"),
            ("GANTRY_RELEASE_MACHINE", "arn:aws:states:us-west-2:111122223333:stateMachine:release"),
            ("GANTRY_SLACK_SIGNING_SECRET", "arn:slack-signing"),
            ("GANTRY_SLACK_TOKEN_SECRET", "arn:slack-token"),
            ("GANTRY_GITHUB_WEBHOOK_SECRET", "arn:github-webhook"),
            ("GANTRY_GITHUB_TOKEN_SECRET", "arn:github-token"),
        ]
        .into_iter()
        .map(|(variable, value)| (variable.to_owned(), value.to_owned()))
        .collect();
        settings.insert("LAMBDA_TASK_ROOT".into(), task_root.path().to_str().unwrap().into());
        for variable in ["GANTRY_SLACK_BASE_URL", "GANTRY_SLACK_HOOKS_URL", "GANTRY_GITHUB_BASE_URL"] {
            settings.insert(variable.into(), format!("{}/{variable}", server.uri()));
        }
        settings.insert("GANTRY_DEAD_LETTER_QUEUE".into(), format!("{}/queue", server.uri()));
        let mask = Mask::default();
        let aws = gantry_aws::connect_to(&server.uri());
        let wiring = Wiring::on(aws, Settings::new(Map(settings)), mask.clone());
        Self { server, wiring, mask, _task_root: task_root }
    }

    /// Answers one operation of AWS.
    pub(crate) async fn aws(&self, target: &str, answer: Value) {
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        Mock::given(header("x-amz-target", target))
            .respond_with(answer)
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    /// Everything that was asked of the outside, in short, apart from reading secrets.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let in_short = requests.iter().map(|request| {
            let target =
                request.headers.get("x-amz-target").map(|target| target.to_str().unwrap().to_owned());
            target.unwrap_or_else(|| format!("{} {}", request.method, request.url.path()))
        });
        in_short.filter(|asked| asked != "secretsmanager.GetSecretValue").collect()
    }
}
