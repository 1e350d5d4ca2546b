//! A served front door, a signer, and a fake MiniStack that speaks IAM's query protocol.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::aws::{AuthCheck, AwsError, JsonService};
use crate::clock::WorldClock;
use crate::front::{Caller, Credentials, Front, Identities, MiniStackAuthorizer};
use crate::journal::Journal;
use gantry_domain::Scale;

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const FUNCTION: &str = "arn:aws:lambda:us-west-2:111122223333:function:watch-wave";
pub(super) const FUNCTION_ROLE: &str = "arn:aws:iam::111122223333:role/watch-wave-role";
pub(super) const DEPLOY_ROLE: &str = "arn:aws:iam::111122223333:role/deploy-production";

/// A service that says what it was asked, about any resource its caller names.
pub(super) struct Echo;

impl JsonService for Echo {
    fn target_prefix(&self) -> &'static str {
        "Echo"
    }

    fn authorization(&self, operation: &str, input: &Value) -> Vec<AuthCheck> {
        if operation == "Unplayed" {
            return Vec::new();
        }
        let context = serde_json::from_value(input["context"].clone()).unwrap_or_default();
        let resource = input["resource"].as_str().unwrap_or("*").to_owned();
        vec![AuthCheck { action: format!("echo:{operation}"), resource, context }]
    }

    fn call(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        match operation {
            "Fail" => Err(AwsError::client("EchoException", "no echo")),
            _ => Ok(json!({ "operation": operation, "input": input })),
        }
    }

    fn call_as(&self, caller: &Caller, operation: &str, input: &Value) -> Result<Value, AwsError> {
        if operation == "Whisper" { Ok(json!({ "to": caller.role() })) } else { self.call(operation, input) }
    }

    fn answers_secret(&self, operation: &str) -> bool {
        operation == "Whisper"
    }
}

/// The world of a test: a door with `Echo` behind it, and the IAM it asks.
pub(super) struct World {
    pub(super) url: String,
    pub(super) front: Arc<Front>,
    pub(super) identities: Arc<Identities>,
    pub(super) journal: Journal,
    pub(super) iam: Arc<FakeIam>,
    pub(super) authorizer: Arc<MiniStackAuthorizer>,
}

pub(super) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

impl World {
    pub(super) async fn start() -> Self {
        let iam = Arc::new(FakeIam::default());
        let endpoint = serve(Router::new().route("/", post(answer)).with_state(Arc::clone(&iam))).await;
        let identities = Arc::new(Identities::new(ACCOUNT));
        identities.register_function(FUNCTION, FUNCTION_ROLE);
        let journal = Journal::default();
        let authorizer = Arc::new(MiniStackAuthorizer::new(endpoint, ACCOUNT, "us-west-2"));
        let clock = WorldClock::new(Scale::REAL);
        let front = Front::new(Arc::clone(&identities), authorizer.clone(), journal.clone(), clock);
        let front = Arc::new(front.service(Arc::new(Echo)));
        let url = serve(Arc::clone(&front).router()).await;
        Self { url, front, identities, journal, iam, authorizer }
    }

    /// The credentials of the function whose role the tests give policies to.
    pub(super) fn function(&self) -> Credentials {
        crate::front::identity::function_credentials(FUNCTION, FUNCTION_ROLE)
    }

    pub(super) fn root(&self) -> Credentials {
        self.identities.find("test").unwrap()
    }

    /// Calls `Echo` and returns status and answer.
    pub(super) async fn call(
        &self,
        credentials: &Credentials,
        operation: &str,
        input: &Value,
    ) -> (u16, Value) {
        let (status, text) = self.to_sign(operation, input).send(credentials).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(super) fn to_sign(&self, operation: &str, input: &Value) -> ToSign {
        ToSign {
            url: self.url.clone(),
            service: "echo",
            headers: vec![
                ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target".to_owned(), format!("Echo.{operation}")),
            ],
            body: input.to_string(),
            at: SystemTime::now(),
        }
    }

    /// Calls STS and returns status and XML.
    pub(super) async fn sts(&self, credentials: &Credentials, parameters: &[(&str, &str)]) -> (u16, String) {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Version", "2011-06-15")
            .extend_pairs(parameters)
            .finish();
        let to_sign = ToSign {
            url: self.url.clone(),
            service: "sts",
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            body,
            at: SystemTime::now(),
        };
        to_sign.send(credentials).await
    }
}

/// A request before its signature.
pub(super) struct ToSign {
    pub(super) url: String,
    pub(super) service: &'static str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) at: SystemTime,
}

impl ToSign {
    /// The headers a signer adds.
    pub(super) fn signature(&self, credentials: &Credentials) -> Vec<(String, String)> {
        let signer = SigningCredentials::new(
            credentials.access_key_id.as_str(),
            credentials.secret_access_key.as_str(),
            credentials.session_token.clone(),
            None,
            "test",
        );
        let identity = signer.into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-west-2")
            .name(self.service)
            .time(self.at)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = SignableBody::Bytes(self.body.as_bytes());
        let request = SignableRequest::new("POST", format!("{}/", self.url), headers, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(super) async fn send(self, credentials: &Credentials) -> (u16, String) {
        let signature = self.signature(credentials);
        self.send_with(signature).await
    }

    pub(super) async fn send_with(self, signature: Vec<(String, String)>) -> (u16, String) {
        let mut request = reqwest::Client::new().post(format!("{}/", self.url)).body(self.body);
        for (name, value) in self.headers.into_iter().chain(signature) {
            request = request.header(name, value);
        }
        let response = request.timeout(Duration::from_secs(10)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

/// Roles and managed policies as MiniStack would tell of them.
#[derive(Default)]
pub(super) struct FakeIam {
    pub(super) roles: Mutex<BTreeMap<String, FakeRole>>,
    pub(super) managed: Mutex<BTreeMap<String, Value>>,
    pub(super) asked: Mutex<Vec<String>>,
}

#[derive(Clone, Default)]
pub(super) struct FakeRole {
    pub(super) arn: String,
    pub(super) trust: Value,
    pub(super) inline: BTreeMap<String, Value>,
    pub(super) attached: Vec<String>,
    pub(super) boundary: Option<String>,
}

impl FakeIam {
    /// A role with one inline policy of these statements.
    pub(super) fn role(&self, arn: &str, statements: Value) {
        let name = arn.rsplit('/').next().unwrap().to_owned();
        let inline = BTreeMap::from([(
            "main".to_owned(),
            json!({ "Version": "2012-10-17", "Statement": statements }),
        )]);
        let role = FakeRole { arn: arn.to_owned(), inline, ..FakeRole::default() };
        self.roles.lock().unwrap().insert(name, role);
    }

    pub(super) fn change(&self, arn: &str, change: impl FnOnce(&mut FakeRole)) {
        change(self.roles.lock().unwrap().get_mut(arn.rsplit('/').next().unwrap()).unwrap());
    }

    pub(super) fn trust(&self, arn: &str, statements: Value) {
        self.change(arn, |role| role.trust = json!({ "Version": "2012-10-17", "Statement": statements }));
    }

    fn answer(&self, form: &BTreeMap<String, String>) -> Option<String> {
        let action = form["Action"].as_str();
        self.asked.lock().unwrap().push(action.to_owned());
        let role = || form.get("RoleName").and_then(|name| self.roles.lock().unwrap().get(name).cloned());
        Some(match action {
            "GetRole" => {
                let role = role()?;
                let boundary = role
                    .boundary
                    .map(|arn| format!("<PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn>"));
                format!(
                    "<Arn>{}</Arn><RoleId>AROAFAKE</RoleId><MaxSessionDuration>3600</MaxSessionDuration>\
                     <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>{}",
                    role.arn,
                    quoted(&role.trust.to_string()),
                    boundary.unwrap_or_default()
                )
            }
            "ListRolePolicies" => {
                role()?.inline.keys().map(|name| format!("<member>{name}</member>")).collect()
            }
            "GetRolePolicy" => {
                let document = role()?.inline.get(&form["PolicyName"])?.to_string();
                format!("<PolicyDocument>{}</PolicyDocument>", quoted(&document))
            }
            "ListAttachedRolePolicies" => role()?
                .attached
                .iter()
                .map(|arn| format!("<member><PolicyArn>{arn}</PolicyArn></member>"))
                .collect(),
            "GetPolicy" => {
                self.managed.lock().unwrap().get(&form["PolicyArn"])?;
                "<DefaultVersionId>v3</DefaultVersionId>".to_owned()
            }
            "GetPolicyVersion" => {
                assert_eq!(form["VersionId"], "v3");
                let document = self.managed.lock().unwrap().get(&form["PolicyArn"])?.to_string();
                format!("<Document>{}</Document>", quoted(&document))
            }
            "SimulateCustomPolicy" => {
                let resource = &form["ResourceArns.member.1"];
                format!(
                    "<EvalResourceName>{resource}</EvalResourceName><EvalDecision>{}</EvalDecision>",
                    simulate(form)
                )
            }
            other => panic!("nobody should ask IAM for {other}"),
        })
    }
}

/// What MiniStack's simulation does, without conditions: it must never see one.
fn simulate(form: &BTreeMap<String, String>) -> &'static str {
    let policy: Value = serde_json::from_str(&form["PolicyInputList.member.1"]).unwrap();
    let (action, resource) = (&form["ActionNames.member.1"], &form["ResourceArns.member.1"]);
    let mut decision = "implicitDeny";
    for statement in policy["Statement"].as_array().unwrap() {
        assert!(statement.get("Condition").is_none(), "MiniStack would misjudge {statement}");
        if matches(&statement["Action"], action) && matches(&statement["Resource"], resource) {
            match statement["Effect"].as_str().unwrap() {
                "Deny" => return "explicitDeny",
                _ => decision = "allowed",
            }
        }
    }
    decision
}

fn matches(patterns: &Value, text: &str) -> bool {
    let one = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => text == pattern,
    };
    match patterns {
        Value::Array(list) => list.iter().any(|pattern| one(pattern.as_str().unwrap())),
        other => one(other.as_str().unwrap()),
    }
}

/// Percent-encoding as IAM does it: everything but letters and digits.
fn quoted(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

async fn answer(State(iam): State<Arc<FakeIam>>, body: String) -> (StatusCode, String) {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    match iam.answer(&form) {
        Some(result) => {
            (StatusCode::OK, format!("<Response xmlns=\"urn:iam\"><Result>{result}</Result></Response>"))
        }
        None => {
            let error = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>gone</Message></Error></ErrorResponse>";
            (StatusCode::NOT_FOUND, error.to_owned())
        }
    }
}
