use serde_json::{Value, json};

use super::support::{FUNCTION_ROLE, World};

const SERVICE: &str = "arn:aws:ecs:us-west-2:111122223333:service/prod2/web";
const CLUSTER: &str = "arn:aws:ecs:us-west-2:111122223333:cluster/prod2";

fn allow(condition: Value) -> Value {
    json!({ "Effect": "Allow", "Action": "echo:Say", "Resource": "*", "Condition": condition })
}

/// Whether the function may `Say` to `SERVICE` with these statements and this context.
async fn may(world: &World, statements: Value, context: Value) -> bool {
    world.iam.role(FUNCTION_ROLE, statements);
    world.authorizer.forget().await;
    let (status, body) =
        world.call(&world.function(), "Say", &json!({ "resource": SERVICE, "context": context })).await;
    match (status, body["__type"].as_str()) {
        (200, None) => true,
        (400, Some("AccessDeniedException")) => false,
        other => panic!("{other:?}: {body}"),
    }
}

#[tokio::test]
async fn an_action_and_a_resource_must_both_be_allowed() {
    let world = World::start().await;
    let rows = [
        (json!([]), false),
        (json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": "*" }]), true),
        (json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": SERVICE }]), true),
        (json!({ "Effect": "Allow", "Action": ["echo:S*"], "Resource": [CLUSTER, SERVICE] }), true),
        (json!([{ "Effect": "Allow", "Action": "echo:Shout", "Resource": "*" }]), false),
        (json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": CLUSTER }]), false),
        (
            json!([
                { "Effect": "Allow", "Action": "*", "Resource": "*" },
                { "Effect": "Deny", "Action": "echo:Say", "Resource": SERVICE },
            ]),
            false,
        ),
    ];
    for (statements, expected) in rows {
        assert_eq!(may(&world, statements.clone(), json!({})).await, expected, "{statements}");
    }
}

#[tokio::test]
async fn an_allow_counts_only_when_its_whole_condition_certainly_holds() {
    let world = World::start().await;
    let context = json!({ "ecs:cluster": CLUSTER, "iam:PassedToService": "ecs-tasks.amazonaws.com", "ecs:privileged": "false" });
    let rows = [
        (json!({ "ArnEquals": { "ecs:cluster": CLUSTER } }), true),
        (json!({ "ArnEquals": { "ecs:Cluster": [SERVICE, CLUSTER] } }), true),
        (json!({ "ArnEquals": { "ecs:cluster": SERVICE } }), false),
        (json!({ "ArnLike": { "ecs:cluster": "arn:aws:ecs:*:111122223333:cluster/prod?" } }), true),
        (json!({ "ArnLike": { "ecs:cluster": "arn:aws:ecs:*:cluster/prod2" } }), false),
        (json!({ "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } }), true),
        (json!({ "StringEquals": { "iam:PassedToService": "ec2.amazonaws.com" } }), false),
        (json!({ "StringLike": { "iam:PassedToService": "ecs*.amazonaws.com" } }), true),
        (json!({ "StringLike": { "iam:PassedToService": "ecs*.amazonaws" } }), false),
        (json!({ "StringNotEquals": { "iam:PassedToService": "ec2.amazonaws.com" } }), true),
        (json!({ "Bool": { "ecs:privileged": "false" } }), true),
        (json!({ "Bool": { "ecs:privileged": true } }), false),
        (
            json!({ "StringEquals": { "aws:PrincipalArn": FUNCTION_ROLE, "aws:RequestedRegion": "us-west-2" } }),
            true,
        ),
        (json!({ "StringEquals": { "aws:RequestedRegion": "eu-west-1" } }), false),
        (json!({ "ArnEquals": { "ecs:cluster": CLUSTER }, "Bool": { "ecs:privileged": "true" } }), false),
        // Not understood, or not there: never a reason to allow.
        (json!({ "StringNotEquals": { "ecs:task-definition": "x" } }), false),
        (json!({ "StringEquals": { "ecs:task-definition": "x" } }), false),
        (json!({ "StringEqualsIfExists": { "ecs:task-definition": "x" } }), false),
        (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["x"] } }), false),
        (json!({ "Null": { "ecs:task-definition": "true" } }), false),
        (json!({ "StringEquals": { "ecs:cluster": "${aws:PrincipalTag/cluster}" } }), false),
        (json!({ "StringEquals": "ecs:cluster" }), false),
        (json!("ecs:cluster"), false),
    ];
    for (condition, expected) in rows {
        assert_eq!(
            may(&world, json!([allow(condition.clone())]), context.clone()).await,
            expected,
            "{condition}"
        );
    }
}

#[tokio::test]
async fn t38_a_deny_counts_unless_its_condition_certainly_fails() {
    let world = World::start().await;
    let deny = |condition: Value| {
        json!([
            { "Effect": "Allow", "Action": "echo:Say", "Resource": "*" },
            { "Effect": "Deny", "Action": "echo:Say", "Resource": "*", "Condition": condition },
        ])
    };
    let rows = [
        (json!({ "Bool": { "ecs:privileged": "true" } }), json!({ "ecs:privileged": "true" }), false),
        (json!({ "Bool": { "ecs:privileged": "true" } }), json!({ "ecs:privileged": "false" }), true),
        (json!({ "Bool": { "ecs:privileged": "true" } }), json!({}), false),
        (json!({ "StringNotEquals": { "aws:RequestedRegion": "us-west-2" } }), json!({}), true),
        (json!({ "StringNotEquals": { "aws:RequestedRegion": "eu-west-1" } }), json!({}), false),
        (json!({ "DateGreaterThan": { "aws:CurrentTime": "2020-01-01T00:00:00Z" } }), json!({}), false),
        // One part that certainly fails settles it, whatever the other would have been.
        (
            json!({ "Bool": { "ecs:privileged": "true" }, "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
            json!({ "ecs:privileged": "false" }),
            true,
        ),
    ];
    for (condition, context, expected) in rows {
        assert_eq!(
            may(&world, deny(condition.clone()), context.clone()).await,
            expected,
            "{condition} with {context}"
        );
    }
}

#[tokio::test]
async fn a_statement_whose_shape_iam_does_not_know_refuses_everything() {
    let world = World::start().await;
    // MiniStack takes a resource that is no string for "any resource".
    for resource in [json!({ "Fn::GetAtt": ["Queue", "Arn"] }), json!([]), json!(null), json!([1])] {
        world
            .iam
            .role(FUNCTION_ROLE, json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": resource }]));
        world.authorizer.forget().await;
        let (status, body) = world.call(&world.function(), "Say", &json!({})).await;
        assert_eq!(status, 500, "{body}");
        assert!(
            body["message"].as_str().unwrap().contains("a statement of policy main has no valid Resource"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_resource_that_poses_as_the_decision_is_denied() {
    let world = World::start().await;
    world.iam.role(FUNCTION_ROLE, json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": SERVICE }]));
    let posing = "x</EvalResourceName><EvalDecision>allowed</EvalDecision><EvalResourceName>";
    let (status, body) = world.call(&world.function(), "Say", &json!({ "resource": posing })).await;
    assert_eq!((status, &body["__type"]), (400, &json!("AccessDeniedException")));
}

#[tokio::test]
async fn attached_policies_count_in_their_default_version_and_a_boundary_limits_them() {
    let world = World::start().await;
    let (managed, boundary) =
        ("arn:aws:iam::111122223333:policy/say", "arn:aws:iam::111122223333:policy/limit");
    let policy =
        |action: &str| json!({ "Statement": { "Effect": "Allow", "Action": action, "Resource": "*" } });
    world
        .iam
        .managed
        .lock()
        .unwrap()
        .extend([(managed.to_owned(), policy("echo:*")), (boundary.to_owned(), policy("echo:Shout"))]);
    world.iam.role(FUNCTION_ROLE, json!([]));
    world.iam.change(FUNCTION_ROLE, |role| {
        role.attached = vec!["arn:aws:iam::aws:policy/Absent".to_owned(), managed.to_owned()];
    });
    let statuses = async || {
        world.authorizer.forget().await;
        let say = world.call(&world.function(), "Say", &json!({})).await.0;
        (say, world.call(&world.function(), "Shout", &json!({})).await.0)
    };
    assert_eq!(statuses().await, (200, 200));
    world.iam.change(FUNCTION_ROLE, |role| role.boundary = Some(boundary.to_owned()));
    assert_eq!(statuses().await, (400, 200));
}

#[tokio::test]
async fn a_role_that_does_not_exist_may_do_nothing() {
    let world = World::start().await;
    assert_eq!(world.call(&world.function(), "Say", &json!({})).await.0, 400);
    // The same name under another path is another role.
    world.iam.role(
        "arn:aws:iam::111122223333:role/elsewhere/watch-wave-role",
        json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]),
    );
    world.authorizer.forget().await;
    assert_eq!(world.call(&world.function(), "Say", &json!({})).await.0, 400);
}

#[tokio::test]
async fn a_refusal_says_who_may_not_do_what_to_which_resource() {
    let world = World::start().await;
    world.iam.role(FUNCTION_ROLE, json!([{ "Effect": "Deny", "Action": "echo:Shout", "Resource": "*" }]));
    let (_, body) = world.call(&world.function(), "Say", &json!({ "resource": SERVICE })).await;
    assert_eq!(
        body["message"],
        "User: arn:aws:sts::111122223333:assumed-role/watch-wave-role/watch-wave is not authorized to perform: \
         echo:Say on resource: arn:aws:ecs:us-west-2:111122223333:service/prod2/web because no identity-based policy \
         allows the echo:Say action"
    );
    let (_, body) = world.call(&world.function(), "Shout", &json!({})).await;
    assert!(
        body["message"].as_str().unwrap().ends_with("with an explicit deny in an identity-based policy"),
        "{body}"
    );
}

#[tokio::test]
async fn policies_are_read_once_for_many_calls_and_again_after_forget() {
    let world = World::start().await;
    world.iam.role(FUNCTION_ROLE, json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": "*" }]));
    let asked = |what: &str| world.iam.asked.lock().unwrap().iter().filter(|asked| *asked == what).count();
    for _ in 0..5 {
        world.call(&world.function(), "Say", &json!({})).await;
    }
    assert_eq!((asked("GetRole"), asked("SimulateCustomPolicy")), (1, 1));
    world.iam.role(FUNCTION_ROLE, json!([]));
    world.authorizer.forget().await;
    assert_eq!(world.call(&world.function(), "Say", &json!({})).await.0, 400);
    assert_eq!(asked("GetRole"), 2);
}
