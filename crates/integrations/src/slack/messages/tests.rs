use gantry_domain::End;
use gantry_domain::approval::{Decision, Outcome};
use gantry_domain::names::{
    ApprovalId, ComponentName, Digest, PlanHash, ReleaseId, ServiceName, SlackId, StageName, StepName,
};
use gantry_domain::notice::{ComponentChange, StartedComponent};
use gantry_domain::release::Origin;
use gantry_simulator::slack::limits::{Surface, blocks_too_long, check_blocks};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn sha(digit: char) -> CommitSha {
    CommitSha::new(digit.to_string().repeat(40)).unwrap()
}

fn digest(digit: char) -> Digest {
    Digest::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

fn stage(name: &str) -> StageName {
    StageName::new(name).unwrap()
}

fn services(names: &[&str]) -> Vec<ServiceName> {
    names.iter().map(|name| ServiceName::new(*name).unwrap()).collect()
}

fn steps(names: &[&str]) -> Vec<StepName> {
    names.iter().map(|name| StepName::new(*name).unwrap()).collect()
}

fn approval() -> ApprovalId {
    ApprovalId::new("0123456789abcdef0123456789abcdef").unwrap()
}

fn commits() -> Vec<CommitSummary> {
    let commit = |digit, author: &str, title: &str| CommitSummary {
        sha: sha(digit),
        author: author.into(),
        title: title.into(),
    };
    vec![
        commit('1', "Ada", "Speed up the order book"),
        commit('4', "Bob <!channel>", "Match & settle <b>faster</b>\u{202e}"),
    ]
}

fn started() -> Notice {
    let component = |name: &str, digit, commit, source| StartedComponent {
        component: ComponentName::new(name).unwrap(),
        digest: digest(digit),
        commit,
        source,
    };
    Notice::Started {
        commit: sha('4'),
        origin: Origin::Push,
        components: vec![
            component("backend", 'a', Some(sha('4')), ComponentSource::Built),
            component(
                "client",
                'b',
                Some(sha('2')),
                ComponentSource::Carried { stage: stage("preproduction") },
            ),
            component("engine", 'c', None, ComponentSource::Baseline { stage: stage("production") }),
        ],
        commits: commits(),
        undoes: None,
    }
}

fn change(
    name: &str,
    from: Option<char>,
    to: char,
    deployed: &[&str],
    migration: bool,
    source: ComponentSource,
) -> ComponentChange {
    ComponentChange {
        component: ComponentName::new(name).unwrap(),
        from_commit: from.map(sha),
        from_digest: None,
        to_commit: Some(sha(to)),
        to_digest: digest(to),
        services: services(deployed),
        migration,
        source,
    }
}

fn requested() -> Notice {
    Notice::ApprovalRequested {
        approval: approval(),
        stage: stage("production"),
        plan: PlanHash::new("d".repeat(64)).unwrap(),
        changes: vec![
            change(
                "backend",
                Some('3'),
                '4',
                &["web", "sidekiq", "clockwork", "kafka-consumer"],
                true,
                ComponentSource::Built,
            ),
            change(
                "client",
                None,
                '2',
                &["exchange-client-web"],
                false,
                ComponentSource::Carried { stage: stage("preproduction") },
            ),
            change("engine", Some('5'), '5', &[], false, ComponentSource::Built),
        ],
        commits: commits(),
        passed: steps(&["backend-health", "acceptance"]),
        look_at: vec!["https://preproduction.exchange.example/".into()],
        approvers: vec![SlackId::new("U0LEAD").unwrap(), SlackId::new("U0QA").unwrap()],
        expires_at: "2026-11-22T12:00:00Z".parse().unwrap(),
    }
}

fn decided(outcome: Outcome, by: Option<&str>, reason: Option<&str>) -> Notice {
    Notice::ApprovalDecided {
        approval: approval(),
        stage: stage("production"),
        decision: Decision {
            outcome,
            by: by.map(|id| SlackId::new(id).unwrap()),
            at: "2026-11-21T13:30:00Z".parse().unwrap(),
            reason: reason.map(str::to_owned),
        },
    }
}

fn ended(end: End, at: Option<&str>, reason: &str, next: Option<&str>) -> Notice {
    Notice::Ended { end, stage: at.map(stage), reason: reason.into(), next: next.map(str::to_owned) }
}

fn rendered(notice: &Notice, outcome: Option<&Notice>) -> Rendered {
    let release = ReleaseId::new("exchange-444444444444-1").unwrap();
    render(Message { release: &release, notice, outcome })
}

/// A message as a person reads it: the notification first, then block by block.
fn seen(notice: &Notice, outcome: Option<&Notice>) -> String {
    let message = rendered(notice, outcome);
    let blocks = serde_json::to_value(&message.blocks).unwrap();
    let mut seen = format!("({})", message.text);
    for block in blocks.as_array().unwrap() {
        seen.push_str("\n\n");
        match block["type"].as_str().unwrap() {
            "header" => seen.push_str(&format!("# {}", block["text"]["text"].as_str().unwrap())),
            "section" => seen.push_str(block["text"]["text"].as_str().unwrap()),
            "context" => seen.push_str(&format!("~ {}", block["elements"][0]["text"].as_str().unwrap())),
            "actions" => {
                for button in block["elements"].as_array().unwrap() {
                    let confirm = &button["confirm"];
                    seen.push_str(&format!(
                        "[{}] {} → {}\n",
                        button["text"]["text"].as_str().unwrap(),
                        confirm["title"]["text"].as_str().unwrap(),
                        confirm["text"]["text"].as_str().unwrap()
                    ));
                }
            }
            other => panic!("{other}"),
        }
    }
    seen.trim_end().to_owned()
}

pub(super) fn assert_fits(message: &Rendered) {
    let blocks = serde_json::to_value(&message.blocks).unwrap();
    assert_eq!(check_blocks(&blocks, Surface::Message, "/blocks"), Ok(()));
    assert!(!blocks_too_long(&blocks));
    assert!(message.text.chars().count() <= 1_000, "{}", message.text);
    let all: usize = texts(&blocks).iter().map(|text| text.chars().count()).sum();
    assert!(all < 10_000, "{all}");
}

pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, inner)| match inner {
                Value::String(text) if name == "text" => vec![text.as_str()],
                inner => texts(inner),
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_start_says_what_the_release_holds() {
    insta::assert_snapshot!(seen(&started(), None), @r"
    (Release exchange-444444444444-1 has started. It brings: backend.)

    🏗️ *Release `exchange-444444444444-1` has started*
    Commit `4444444`. It started by itself, once its images and checks had arrived.

    *What it holds*
    • *backend* `4444444` · new
    • *client* `2222222` · _not touched by this commit: the version that preproduction runs, verified_
    • *engine* image `cccccccccccc` · _not touched by this commit: what production ran when Gantry first looked, never verified by Gantry_

    *2 commits*
    • `4444444` Match &amp; settle &lt;b&gt;faster&lt;/b&gt; _by_ Bob &lt;!channel&gt;
    • `1111111` Speed up the order book _by_ Ada

    ~ What happens to it is told in this thread.
    ");
}

#[test]
fn the_question_says_what_changes_and_what_was_checked() {
    insta::assert_snapshot!(seen(&requested(), None), @r"
    (Approve release exchange-444444444444-1 for production? It changes: backend, client.)

    # Approve for production?

    Release `exchange-444444444444-1` waits for a decision before *production*.

    *What changes in production*
    • *backend* `3333333` → `4444444` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
    • *client* an unknown version → `2222222` · exchange-client-web
       _not touched by this commit: the version that preproduction runs, verified_
    • *engine* stays at `5555555`

    *2 commits*
    • `4444444` Match &amp; settle &lt;b&gt;faster&lt;/b&gt; _by_ Bob &lt;!channel&gt;
    • `1111111` Speed up the order book _by_ Ada

    *Checked before*
    ✅ backend-health, acceptance
    See for yourself: <https://preproduction.exchange.example/|preproduction.exchange.example>

    ~ <@U0LEAD>, <@U0QA> may decide, until <!date^1795348800^{date_short} at {time}|2026-11-22 12:00 UTC> · plan `dddddddd`

    [Approve] Deploy to production? → `exchange-444444444444-1` goes to *production* at once: 5 services change. A migration runs first.
    [Reject…] Reject this release? → `exchange-444444444444-1` will not go to *production*. You are asked for a reason next.
    ");
}

#[test]
fn the_buttons_carry_the_approvals_id_and_nothing_else() {
    let blocks = serde_json::to_value(rendered(&requested(), None).blocks).unwrap();
    let actions = blocks.as_array().unwrap().iter().find(|block| block["type"] == "actions").unwrap();
    let buttons: Vec<_> = actions["elements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|button| {
            (
                button["action_id"].as_str().unwrap(),
                button["value"].as_str().unwrap(),
                button["style"].as_str().unwrap(),
            )
        })
        .collect();
    let id = "0123456789abcdef0123456789abcdef";
    assert_eq!(buttons, [("approve", id, "primary"), ("reject", id, "danger")]);
}

#[test]
fn an_approved_question_says_who_and_when_and_has_no_buttons() {
    let outcome = decided(Outcome::Approved, Some("U0LEAD"), None);
    insta::assert_snapshot!(seen(&requested(), Some(&outcome)), @r"
    (Release exchange-444444444444-1: Approved for production.)

    # Approved for production

    ✅ <@U0LEAD> approved it on <!date^1795267800^{date_short} at {time}|2026-11-21 13:30 UTC>.
    Release `exchange-444444444444-1`

    *What changes in production*
    • *backend* `3333333` → `4444444` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*
    • *client* an unknown version → `2222222` · exchange-client-web
       _not touched by this commit: the version that preproduction runs, verified_
    • *engine* stays at `5555555`

    *2 commits*
    • `4444444` Match &amp; settle &lt;b&gt;faster&lt;/b&gt; _by_ Bob &lt;!channel&gt;
    • `1111111` Speed up the order book _by_ Ada

    *Checked before*
    ✅ backend-health, acceptance
    See for yourself: <https://preproduction.exchange.example/|preproduction.exchange.example>
    ");
}

#[test]
fn a_rejected_question_says_why() {
    let outcome = decided(Outcome::Rejected, Some("U0QA"), Some("The <order book>\nflickers & blinks"));
    insta::assert_snapshot!(head(&requested(), &outcome), @r"
    (Release exchange-444444444444-1: Rejected for production.)

    # Rejected for production

    ⛔ <@U0QA> rejected it on <!date^1795267800^{date_short} at {time}|2026-11-21 13:30 UTC>.
    “The &lt;order book&gt;
    flickers &amp; blinks”
    Release `exchange-444444444444-1`
    ");
}

#[test]
fn a_lapsed_question_says_how_to_go_on() {
    insta::assert_snapshot!(head(&requested(), &decided(Outcome::Expired, None, None)), @r"
    (Release exchange-444444444444-1: Not decided in time for production.)

    # Not decided in time for production

    ⌛ Nobody had decided by <!date^1795267800^{date_short} at {time}|2026-11-21 13:30 UTC>, so the question lapsed. Nothing was changed. To try again, start a release of the commit from the console.
    Release `exchange-444444444444-1`
    ");
}

#[test]
fn a_superseded_question_says_by_what() {
    let outcome = decided(Outcome::Superseded, None, Some("exchange-555555555555-1 asks for production"));
    insta::assert_snapshot!(head(&requested(), &outcome), @r"
    (Release exchange-444444444444-1: Superseded before production.)

    # Superseded before production

    ⏭️ Closed on <!date^1795267800^{date_short} at {time}|2026-11-21 13:30 UTC>: exchange-555555555555-1 asks for production.
    Nothing is lost: the newer release holds this one's changes too.
    Release `exchange-444444444444-1`
    ");
}

#[test]
fn a_voided_question_says_what_moved() {
    let outcome = Notice::ApprovalVoided {
        approval: approval(),
        stage: stage("production"),
        moved: vec!["web runs another task definition than before".into()],
    };
    insta::assert_snapshot!(head(&requested(), &outcome), @r"
    (Release exchange-444444444444-1: To be asked again for production.)

    # To be asked again for production

    🔁 What runs there changed between the decision and the start, so the approval no longer counts. A new question follows.
    • web runs another task definition than before
    Release `exchange-444444444444-1`
    ");
}

/// The notification and the first two blocks of a closed question: the rest is as it was.
fn head(question: &Notice, outcome: &Notice) -> String {
    let seen = seen(question, Some(outcome));
    assert!(!seen.contains('['), "{seen}");
    seen.split("\n\n").take(3).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn replies_say_what_happened() {
    let verified = Notice::StageVerified {
        stage: stage("preproduction"),
        deployed: services(&["web", "sidekiq"]),
        unchanged: services(&["exchange-client-web"]),
        passed: steps(&["backend-health", "acceptance"]),
    };
    let waiting =
        Notice::WaitingForLock { stage: stage("production"), held_by: "exchange-333333333333-1".into() };
    let replies = [seen(&verified, None), seen(&waiting, None)].join("\n--\n");
    insta::assert_snapshot!(replies, @r"
    (preproduction runs release exchange-444444444444-1, verified.)

    ✅ *preproduction runs the release, verified*
    Deployed: web, sidekiq
    Ran it already: exchange-client-web
    Passed: backend-health, acceptance
    --
    (Release exchange-444444444444-1 waits: production is held by exchange-333333333333-1.)

    ⏳ *Waiting for production*
    Release `exchange-333333333333-1` is at work there. This one goes on by itself when it is done.
    ");
}

#[test]
fn each_end_says_what_is_and_what_to_do() {
    let ends = [
        ended(End::Succeeded, Some("production"), "Every stage runs the release, verified.", None),
        ended(End::Declined, Some("production"), "U0QA rejected it: too slow", None),
        ended(
            End::RolledBack,
            Some("production"),
            "web: tasks of the new deployment stopped",
            Some("Look at the log."),
        ),
        ended(End::FailedClean, Some("preproduction"), "backend: no image tagged sha-4444444", None),
        ended(End::FailedClean, None, "field `commit` is missing", Some("Give {\"commit\": \"4444444\"}.")),
        ended(
            End::FailedDirty,
            Some("production"),
            "web & sidekiq differ",
            Some("Look at <web>, then release the lock."),
        ),
    ];
    let seen: Vec<_> = ends.iter().map(|end| seen(end, None)).collect();
    insta::assert_snapshot!(seen.join("\n--\n"), @r#"
    (Release exchange-444444444444-1 succeeded.)

    ✅ *Release `exchange-444444444444-1` succeeded*
    Every stage runs the release, verified.
    --
    (Release exchange-444444444444-1 was declined before production: nothing was promoted. U0QA rejected it: too slow)

    ⛔ *Release `exchange-444444444444-1` was declined before production: nothing was promoted*
    U0QA rejected it: too slow
    --
    (Release exchange-444444444444-1 was rolled back in production: what ran before runs again, verified. web: tasks of the new deployment stopped)

    ⏪ *Release `exchange-444444444444-1` was rolled back in production: what ran before runs again, verified*
    web: tasks of the new deployment stopped
    *Next:* Look at the log.
    --
    (Release exchange-444444444444-1 failed in preproduction: nothing was changed there. backend: no image tagged sha-4444444)

    ⚠️ *Release `exchange-444444444444-1` failed in preproduction: nothing was changed there*
    backend: no image tagged sha-4444444
    --
    (Release exchange-444444444444-1 failed: nothing was changed. field `commit` is missing)

    ⚠️ *Release `exchange-444444444444-1` failed: nothing was changed*
    field `commit` is missing
    *Next:* Give {"commit": "4444444"}.
    --
    (Release exchange-444444444444-1 failed in production and needs a person. web &amp; sidekiq differ)

    🚨 *Release `exchange-444444444444-1` failed in production and needs a person*
    web &amp; sidekiq differ
    *Next:* Look at &lt;web&gt;, then release the lock.
    "#);
}

#[test]
fn the_start_shows_its_end_when_it_has_one() {
    let end = ended(End::Succeeded, Some("production"), "Every stage runs the release, verified.", None);
    let seen = seen(&started(), Some(&end));
    assert!(seen.starts_with("(Release exchange-444444444444-1 succeeded.)"), "{seen}");
    assert!(seen.contains("What it holds") && !seen.contains("has started"), "{seen}");
}

#[test]
fn an_answer_without_its_question_stands_by_itself() {
    let alone = seen(&decided(Outcome::Approved, Some("U0LEAD"), None), None);
    assert!(alone.contains("*Approved for production*"), "{alone}");
}

fn long(length: usize) -> String {
    "<&>".repeat(length / 3)
}

#[test]
fn t35_the_largest_messages_still_fit_into_slacks_limits() {
    let many = |count: usize| (0..count).map(|n| format!("component-{n}-of-a-long-name"));
    let Notice::Started { commit, origin, .. } = started() else { panic!("not a start") };
    let commits: Vec<_> =
        (0..60).map(|_| CommitSummary { sha: sha('1'), author: long(300), title: long(3_000) }).collect();
    let components = many(200).map(|name| StartedComponent {
        component: ComponentName::new(name).unwrap(),
        digest: digest('a'),
        commit: None,
        source: ComponentSource::Baseline { stage: stage("production") },
    });
    let start = Notice::Started {
        commit,
        origin,
        components: components.collect(),
        commits: commits.clone(),
        undoes: None,
    };
    let service_names: Vec<String> = (0..40).map(|n| format!("{}{n}", "s".repeat(200))).collect();
    let service_refs: Vec<&str> = service_names.iter().map(String::as_str).collect();
    let changes =
        many(200).map(|name| change(&name, Some('1'), '2', &service_refs, true, ComponentSource::Named));
    let question = Notice::ApprovalRequested {
        approval: approval(),
        stage: stage("a-stage-with-20-chars"[..20].trim_end_matches('-')),
        plan: PlanHash::new("d".repeat(64)).unwrap(),
        changes: changes.collect(),
        commits,
        passed: steps(&(0..99).map(|_| "a-check-of-a-long-name-of-40-characters").collect::<Vec<_>>()),
        look_at: vec![format!("https://x.example/{}", "y".repeat(3_000)), long(900), "not an address".into()],
        approvers: (0..99).map(|n| SlackId::new(format!("U{n:0>30}")).unwrap()).collect(),
        expires_at: jiff::Timestamp::MAX,
    };
    let end = ended(End::FailedDirty, Some("production"), &long(30_000), Some(&long(30_000)));
    let void = Notice::ApprovalVoided {
        approval: approval(),
        stage: stage("production"),
        moved: vec![long(3_000); 99],
    };
    let rejected = decided(Outcome::Rejected, Some("U0QA"), Some(&long(30_000)));
    for (notice, outcome) in [
        (&start, None),
        (&start, Some(&end)),
        (&question, None),
        (&question, Some(&rejected)),
        (&question, Some(&void)),
        (&end, None),
        (&void, None),
        (&rejected, None),
    ] {
        assert_fits(&rendered(notice, outcome));
    }
}

/// Our own markup is allowed: people, dates and links from the configuration.
fn markup(text: &str) -> Vec<String> {
    text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest).to_owned()).collect()
}

proptest! {
    #[test]
    fn t35_untrusted_text_never_becomes_markup(text in "[ -~\u{80}-\u{2fff}<>&|!@#\n]{0,200}") {
        let commits = vec![CommitSummary { sha: sha('1'), author: text.clone(), title: text.clone() }];
        let Notice::ApprovalRequested { approval, stage: at, plan, changes, passed, approvers, expires_at, .. } = requested() else {
            panic!("not a question")
        };
        let question = Notice::ApprovalRequested {
            approval, stage: at, plan, changes, passed, approvers, expires_at, commits: commits.clone(), look_at: vec![text.clone()],
        };
        let end = ended(End::FailedDirty, None, &text, Some(&text));
        let rejected = decided(Outcome::Rejected, Some("U0QA"), Some(&text));
        let void = Notice::ApprovalVoided { approval: super::tests::approval(), stage: stage("production"), moved: vec![text.clone()] };
        let waiting = Notice::WaitingForLock { stage: stage("production"), held_by: text.clone() };
        for (notice, outcome) in [
            (&question, None), (&question, Some(&rejected)), (&question, Some(&void)), (&end, None), (&waiting, None),
        ] {
            let message = rendered(notice, outcome);
            assert_fits(&message);
            let blocks = json!({"text": message.text, "blocks": message.blocks});
            for found in texts(&blocks).iter().flat_map(|text| markup(text)) {
                let own = found.starts_with("@U0") || found.starts_with("!date^17") || found.starts_with("http");
                prop_assert!(own, "{found}");
            }
        }
    }
}
