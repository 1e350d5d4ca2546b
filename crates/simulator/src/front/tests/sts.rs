use serde_json::{Value, json};

use super::support::{DEPLOY_ROLE, FUNCTION_ROLE, World};
use crate::front::{Caller, Credentials, Session};

const ASSUME: [(&str, &str); 3] =
    [("Action", "AssumeRole"), ("RoleArn", DEPLOY_ROLE), ("RoleSessionName", "release-42")];

fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let start = xml.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
    start.split_once(&format!("</{name}>")).map_or("", |(text, _)| text)
}

/// A function that may assume the deploy role, which trusts it.
async fn world() -> World {
    let world = World::start().await;
    world.iam.role(
        FUNCTION_ROLE,
        json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": DEPLOY_ROLE }]),
    );
    world.iam.role(DEPLOY_ROLE, json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": "*" }]));
    world.iam.trust(
        DEPLOY_ROLE,
        json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": FUNCTION_ROLE } }]),
    );
    world
}

fn credentials(xml: &str) -> Credentials {
    Credentials {
        access_key_id: element(xml, "AccessKeyId").to_owned(),
        secret_access_key: element(xml, "SecretAccessKey").to_owned(),
        session_token: Some(element(xml, "SessionToken").to_owned()),
        expires_at: None,
        caller: Caller::Role(Session { role_arn: DEPLOY_ROLE.to_owned(), name: "release-42".to_owned() }),
    }
}

#[tokio::test]
async fn an_assumed_role_acts_with_its_own_rights_and_not_its_callers() {
    let world = world().await;
    let (status, xml) = world.sts(&world.function(), &ASSUME).await;
    assert_eq!(status, 200, "{xml}");
    assert_eq!(element(&xml, "Arn"), "arn:aws:sts::111122223333:assumed-role/deploy-production/release-42");
    assert_eq!(element(&xml, "AssumedRoleId"), "AROAFAKE:release-42");
    let ends: jiff::Timestamp = element(&xml, "Expiration").parse().unwrap();
    let lifetime = ends.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3590..=3600).contains(&lifetime), "{lifetime}");

    let deployer = credentials(&xml);
    assert!(deployer.access_key_id.starts_with("ASIA"));
    assert_eq!(world.call(&deployer, "Say", &json!({})).await.0, 200);
    let (_, identity) = world.sts(&deployer, &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(
        element(&identity, "Arn"),
        "arn:aws:sts::111122223333:assumed-role/deploy-production/release-42"
    );
    assert_eq!(element(&identity, "Account"), "111122223333");
    // The caller could assume a role; the role cannot.
    assert_eq!(world.sts(&deployer, &ASSUME).await.0, 403);
    let said = world.journal.wait_for(|call| call.operation == "Say").await;
    assert_eq!(said.role, DEPLOY_ROLE);
}

#[tokio::test]
async fn both_sides_must_agree_before_a_role_is_assumed() {
    let world = world().await;
    let allow =
        json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": FUNCTION_ROLE } }]);
    let denied = |answer: (u16, String)| {
        assert_eq!((answer.0, element(&answer.1, "Code")), (403, "AccessDenied"), "{}", answer.1);
        assert_eq!(
            element(&answer.1, "Message"),
            "User: arn:aws:sts::111122223333:assumed-role/watch-wave-role/watch-wave is not authorized to perform: \
             sts:AssumeRole on resource: arn:aws:iam::111122223333:role/deploy-production"
        );
    };
    let trust =
        |principal: Value| json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal }]);
    let untrusting = [
        ("another role", trust(json!({ "AWS": "arn:aws:iam::111122223333:role/other" }))),
        ("a service", trust(json!({ "Service": "lambda.amazonaws.com" }))),
        ("the account", trust(json!({ "AWS": "arn:aws:iam::111122223333:root" }))),
        ("anybody", trust(json!("*"))),
        ("any of AWS", trust(json!({ "AWS": "*" }))),
        ("nobody", json!([])),
        (
            "another action",
            json!([{ "Effect": "Allow", "Action": "sts:TagSession", "Principal": { "AWS": FUNCTION_ROLE } }]),
        ),
        ("a Deny beside it", json!([allow[0], { "Effect": "Deny", "Action": "sts:*", "Principal": "*" }])),
    ];
    for (name, trust) in untrusting {
        world.iam.trust(DEPLOY_ROLE, trust);
        println!("{name}");
        denied(world.sts(&world.function(), &ASSUME).await);
    }
    world.iam.trust(DEPLOY_ROLE, allow);
    assert_eq!(world.sts(&world.function(), &ASSUME).await.0, 200);

    world.iam.role(
        FUNCTION_ROLE,
        json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": FUNCTION_ROLE }]),
    );
    world.authorizer.forget().await;
    denied(world.sts(&world.function(), &ASSUME).await);
}

#[tokio::test]
async fn t39_a_trust_policys_conditions_count_and_unknown_ones_refuse() {
    let world = world().await;
    let external_id = ("ExternalId", "exchange");
    let cases = [
        (json!({ "StringEquals": { "sts:ExternalId": "exchange" } }), 403, 200),
        (json!({ "StringEquals": { "sts:ExternalId": "other" } }), 403, 403),
        (json!({ "StringEquals": { "aws:PrincipalArn": FUNCTION_ROLE } }), 200, 200),
        (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/other-*" } }), 403, 403),
        (json!({ "StringLike": { "sts:RoleSessionName": "release-*" } }), 200, 200),
        (json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), 403, 403),
        (json!({ "StringEquals": { "aws:SourceAccount": "111122223333" } }), 403, 403),
    ];
    for (condition, without, with) in cases {
        world.iam.trust(
            DEPLOY_ROLE,
            json!([{
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": { "AWS": [FUNCTION_ROLE] }, "Condition": condition,
            }]),
        );
        let bare = world.sts(&world.function(), &ASSUME).await.0;
        let [action, role, session] = ASSUME;
        let named = world.sts(&world.function(), &[action, role, session, external_id]).await.0;
        assert_eq!((bare, named), (without, with), "{condition}");
    }
}

#[tokio::test]
async fn a_request_for_a_role_is_checked_field_by_field() {
    let world = world().await;
    let [action, role, session] = ASSUME;
    let cases = [
        ("no role", vec![action, session], "'roleArn'"),
        ("no session name", vec![action, role], "'roleSessionName'"),
        ("a session name with a space", vec![action, role, ("RoleSessionName", "a b")], "'roleSessionName'"),
        ("too short a session", vec![action, role, session, ("DurationSeconds", "899")], "'durationSeconds'"),
        (
            "longer than chaining permits",
            vec![action, role, session, ("DurationSeconds", "3601")],
            "role chaining",
        ),
        ("a session policy", vec![action, role, session, ("Policy", "{}")], "Policy"),
        ("no ARN", vec![action, ("RoleArn", "deploy"), session], "deploy is invalid"),
    ];
    for (name, parameters, expected) in cases {
        let (status, xml) = world.sts(&world.function(), &parameters).await;
        assert_eq!((status, element(&xml, "Code")), (400, "ValidationError"), "{name}");
        assert!(element(&xml, "Message").contains(expected), "{name}: {xml}");
    }
    let (status, xml) = world.sts(&world.function(), &[("Action", "GetSessionToken")]).await;
    assert_eq!((status, element(&xml, "Code")), (400, "InvalidAction"));
}

#[tokio::test]
async fn no_secret_of_a_session_stands_in_the_journal() {
    let world = world().await;
    let (_, xml) = world.sts(&world.function(), &ASSUME).await;
    let shown = format!("{:?}", world.journal.calls());
    assert!(shown.contains("AssumeRole"));
    for secret in ["SecretAccessKey", "SessionToken"] {
        assert!(!shown.contains(element(&xml, secret)));
    }
}
