use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::signature::{RawBody, SigningSecret};

const BEFORE: &str = "1111111111111111111111111111111111111111";
const AFTER: &str = "4f2a9c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b";
const NOTHING: &str = "0000000000000000000000000000000000000000";

fn verified(body: &str) -> VerifiedBody {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let secret = SigningSecret::parse(&SecretString::from("secret")).unwrap();
    RawBody::take(body, false, 1 << 24).unwrap().from_github(Some(&signature), &secret).unwrap()
}

fn hear(event: &str, payload: &Value) -> Result<Heard, PayloadError> {
    parse("guid", event, &verified(&payload.to_string()))
}

fn commit(id: &str, modified: &[&str]) -> Value {
    json!({
        "id": id, "message": "Speed up the order book\n\nDetails", "timestamp": "2026-11-21T12:00:00Z",
        "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"},
        "added": [], "modified": modified, "removed": [], "distinct": true,
    })
}

fn push() -> Value {
    json!({
        "ref": "refs/heads/main", "before": BEFORE, "after": AFTER, "created": false, "deleted": false, "forced": false,
        "repository": {"id": 1, "full_name": "exchange/exchange", "default_branch": "main"},
        "pusher": {"name": "ada"}, "compare": "https://github.com/x", "head_commit": commit(AFTER, &["backend/b.rb"]),
        "commits": [
            commit("2222222222222222222222222222222222222222", &["backend/a.rb", "docs/x.md"]),
            commit(AFTER, &["backend/b.rb"]),
        ],
    })
}

fn pushed(payload: &Value) -> Pushed {
    match hear("push", payload).unwrap() {
        Heard::Event(input) => match input.event {
            GitHubEvent::Pushed(pushed) => pushed,
            other => panic!("{other:?}"),
        },
        Heard::Ignored(why) => panic!("{why}"),
    }
}

fn run() -> Value {
    json!({
        "action": "completed",
        "workflow_run": {
            "id": 42, "run_attempt": 2, "head_sha": AFTER, "head_branch": "main", "event": "push",
            "path": ".github/workflows/backend.yml", "status": "completed", "conclusion": "success",
            "name": "anything", "head_repository": {"full_name": "exchange/exchange"},
        },
        "repository": {"full_name": "exchange/exchange"},
    })
}

fn ignored(event: &str, payload: &Value) -> String {
    match hear(event, payload).unwrap() {
        Heard::Ignored(why) => why,
        Heard::Event(input) => panic!("{input:?}"),
    }
}

#[test]
fn a_push_is_read_with_what_its_commits_changed() {
    let Heard::Event(input) = hear("push", &push()).unwrap() else { panic!("ignored") };
    assert_eq!((input.delivery.as_str(), input.repository.as_str()), ("guid", "exchange/exchange"));
    let pushed = pushed(&push());
    assert_eq!((pushed.commit.as_str(), pushed.branch.as_str()), (AFTER, "main"));
    assert_eq!(pushed.before.unwrap().as_str(), BEFORE);
    let paths = ["backend/a.rb", "backend/b.rb", "docs/x.md"].map(str::to_owned).to_vec();
    assert_eq!(pushed.changes, ChangedPaths::Known(paths));
    let last = pushed.commits.last().unwrap();
    assert_eq!((last.sha.as_str(), &*last.author, &*last.title), (AFTER, "Ada", "Speed up the order book"));
}

#[test]
fn removed_and_added_paths_count_too() {
    let mut payload = push();
    payload["commits"][1]["added"] = json!(["engine/new.java"]);
    payload["commits"][1]["removed"] = json!(["client/old.ts"]);
    let ChangedPaths::Known(paths) = pushed(&payload).changes else { panic!("unclear") };
    assert!(paths.contains(&"engine/new.java".to_owned()) && paths.contains(&"client/old.ts".to_owned()));
}

#[test]
fn what_a_push_changed_is_unclear_where_its_list_may_be_too_short() {
    let with = |place: &str, value: Value| {
        let mut payload = push();
        *payload.pointer_mut(place).unwrap() = value;
        pushed(&payload).changes
    };
    let long: Vec<String> = (0..=PATHS_CUT).map(|n| format!("backend/{n}.rb")).collect();
    let deep: Vec<String> = (0..1_000).map(|n| format!("{}{n}", "folder/".repeat(60))).collect();
    let cut: Vec<Value> = (0..COMMITS_CUT).map(|_| commit(AFTER, &["docs/x.md"])).collect();
    for (what, changes) in [
        ("forced", with("/forced", json!(true))),
        ("a new branch", with("/before", json!(NOTHING))),
        ("no list of commits", with("/commits", json!(null))),
        ("an empty list of commits", with("/commits", json!([]))),
        ("a list without the newest commit", with("/commits", json!([commit(BEFORE, &["docs/x.md"])]))),
        ("a list of commits that was cut", with("/commits", json!(cut))),
        ("a commit without lists", with("/commits/0/added", json!(null))),
        ("a merge, which lists nothing", with("/commits/0/modified", json!([]))),
        ("too many paths", with("/commits/0/modified", json!(long))),
        ("more bytes of paths than a row holds", with("/commits/0/modified", json!(deep))),
    ] {
        assert_eq!(changes, ChangedPaths::Unclear, "{what}");
    }
}

#[test]
fn tags_and_deleted_branches_are_let_pass() {
    let with = |place: &str, value: Value| {
        let mut payload = push();
        *payload.pointer_mut(place).unwrap() = value;
        ignored("push", &payload)
    };
    assert_eq!(with("/ref", json!("refs/tags/v1")), "a tag was pushed");
    assert_eq!(with("/deleted", json!(true)), "a branch was deleted");
    assert_eq!(with("/after", json!(NOTHING)), "a branch was deleted");
    assert_eq!(with("/ref", json!("refs/heads/<!channel>")), "the branch's name is not one Gantry handles");
}

#[test]
fn a_workflow_run_is_known_by_its_file_and_tells_its_state() {
    let workflow = |status: &str, conclusion: Value| {
        let mut payload = run();
        payload["workflow_run"]["status"] = json!(status);
        payload["workflow_run"]["conclusion"] = conclusion;
        let Heard::Event(input) = hear("workflow_run", &payload).unwrap() else { panic!("ignored") };
        let GitHubEvent::WorkflowRan { branch, workflow } = input.event else { panic!("{:?}", input.event) };
        assert_eq!((branch.as_str(), workflow.commit.as_str()), ("main", AFTER));
        assert_eq!(
            (workflow.path.as_str(), workflow.run, workflow.attempt),
            (".github/workflows/backend.yml", 42, 2)
        );
        workflow.state
    };
    assert_eq!(workflow("completed", json!("success")), WorkflowState::Succeeded);
    for conclusion in
        ["failure", "cancelled", "skipped", "neutral", "timed_out", "action_required", "stale", "SUCCESS"]
    {
        assert_eq!(workflow("completed", json!(conclusion)), WorkflowState::Failed, "{conclusion}");
    }
    assert_eq!(workflow("completed", json!(null)), WorkflowState::Failed);
    assert_eq!(workflow("in_progress", json!(null)), WorkflowState::Running);
    assert_eq!(workflow("queued", json!("success")), WorkflowState::Running);
}

#[test]
fn t40_a_run_of_a_fork_or_of_a_pull_request_proves_nothing() {
    let mut fork = run();
    fork["workflow_run"]["head_repository"]["full_name"] = json!("mallory/exchange");
    assert!(ignored("workflow_run", &fork).contains("another repository"));
    fork["workflow_run"]["head_repository"] = json!(null);
    assert!(ignored("workflow_run", &fork).contains("another repository"));
    for event in ["pull_request", "pull_request_target", "workflow_dispatch", "schedule"] {
        let mut other = run();
        other["workflow_run"]["event"] = json!(event);
        assert!(ignored("workflow_run", &other).contains("proves nothing"), "{event}");
    }
}

#[test]
fn pings_suites_and_other_events_change_nothing() {
    assert_eq!(ignored("ping", &json!({"zen": "x"})), "GitHub tried the webhook out: it works");
    let suite = json!({"action": "completed", "check_suite": {"head_sha": AFTER, "conclusion": "success"}});
    assert!(ignored("check_suite", &suite).contains("workflow runs are what counts"));
    assert_eq!(ignored("star", &json!({})), "event \"star\" is not acted on");
}

#[test]
fn t30_a_wrong_field_is_named() {
    let refused = |event: &str, payload: Value| hear(event, &payload).unwrap_err().to_string();
    let mut payload = push();
    payload["after"] = json!("4f2a9c1");
    assert!(refused("push", payload).starts_with("field `after`: "));
    let mut payload = push();
    payload["repository"] = json!({});
    assert!(refused("push", payload).contains("missing field `full_name`"));
    let mut payload = run();
    payload["workflow_run"]["head_sha"] = json!("main");
    assert!(refused("workflow_run", payload).starts_with("field `workflow_run.head_sha`: "));
    let mut payload = run();
    payload["workflow_run"]["id"] = json!(-1);
    assert!(refused("workflow_run", payload).contains("the workflow_run event cannot be read"));
}

#[test]
fn t29_deep_or_broken_json_is_refused() {
    let deep = format!(r#"{{"ref": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for text in [deep.as_str(), "", "null", "[]", "{", "\u{0}"] {
        for event in ["push", "workflow_run", "check_suite"] {
            assert!(parse("guid", event, &verified(text)).is_err(), "{event}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn t30_a_good_event_with_one_odd_place_is_survived(odd in prop_oneof![
        Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!(1e300)), ".{0,20}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
    ], pick in any::<prop::sample::Index>(), is_push in any::<bool>()) {
        fn places(value: &Value, at: &str, found: &mut Vec<String>) {
            found.push(at.to_owned());
            match value {
                Value::Object(fields) => fields.iter().for_each(|(n, inner)| places(inner, &format!("{at}/{n}"), found)),
                Value::Array(items) => items.iter().enumerate().for_each(|(n, inner)| places(inner, &format!("{at}/{n}"), found)),
                _ => {}
            }
        }
        let mut payload = if is_push { push() } else { run() };
        let mut found = Vec::new();
        places(&payload, "", &mut found);
        let place = found[pick.index(found.len())].clone();
        *payload.pointer_mut(&place).unwrap() = odd;
        drop(hear(if is_push { "push" } else { "workflow_run" }, &payload));
    }

    #[test]
    fn t35_titles_and_authors_have_one_line(message in ".{0,80}", name in ".{0,80}") {
        let mut payload = push();
        payload["commits"][1]["message"] = json!(message);
        payload["commits"][1]["author"]["name"] = json!(name);
        let last = pushed(&payload).commits.pop().unwrap();
        prop_assert!(!last.title.chars().chain(last.author.chars()).any(char::is_control));
    }
}
