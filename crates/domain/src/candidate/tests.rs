use super::*;
use crate::testing::exchange;

fn sha(digit: char) -> CommitSha {
    CommitSha::new(digit.to_string().repeat(40)).unwrap()
}

fn push(commit: char, before: Option<char>, paths: &[&str]) -> PushFact {
    PushFact {
        commit: sha(commit),
        branch: BranchName::new("main").unwrap(),
        before: before.map(sha),
        changes: ChangedPaths::Known(paths.iter().map(|path| (*path).to_owned()).collect()),
        commits: vec![],
        pushed_at: Timestamp::UNIX_EPOCH,
    }
}

fn image(component: &str, commit: &str, digest: char, second: i64) -> ImageFact {
    let tag = format!("sha-{commit}");
    ImageFact {
        commit: CommitPrefix::new(commit).unwrap(),
        component: ComponentName::new(component).unwrap(),
        repository: RepositoryName::new("repository").unwrap(),
        digest: Digest::new(format!("sha256:{}", digest.to_string().repeat(64))).unwrap(),
        tag: Tag::new(tag).unwrap(),
        pushed_at: Timestamp::from_second(second).unwrap(),
    }
}

fn workflow(component: &str, commit: char, run: u64, attempt: u64, state: WorkflowState) -> WorkflowFact {
    WorkflowFact {
        commit: sha(commit),
        path: format!(".github/workflows/{component}.yml"),
        run,
        attempt,
        state,
    }
}

fn ready_components(facts: &CandidateFacts) -> Vec<(String, CommitSha)> {
    match readiness(&exchange(), facts) {
        Readiness::Ready { images } => {
            images.into_iter().map(|(name, expected)| (name.to_string(), expected.commit)).collect()
        }
        other => panic!("not ready: {other:?}"),
    }
}

fn backend_candidate() -> CandidateFacts {
    CandidateFacts {
        pushes: vec![push('a', None, &["backend/app/models/order.rb"])],
        images: vec![image("backend", &"a".repeat(40), '1', 1)],
        workflows: vec![workflow("backend", 'a', 1, 1, WorkflowState::Succeeded)],
    }
}

#[test]
fn a_commit_with_its_image_and_its_workflow_is_ready() {
    assert_eq!(ready_components(&backend_candidate()), [("backend".to_owned(), sha('a'))]);
}

#[test]
fn without_the_push_event_the_branch_is_not_proved() {
    let facts = CandidateFacts { pushes: vec![], ..backend_candidate() };
    assert_eq!(readiness(&exchange(), &facts), Readiness::Waiting { missing: vec![Missing::Push] });
}

#[test]
fn each_missing_thing_is_named() {
    let facts = CandidateFacts { images: vec![], workflows: vec![], ..backend_candidate() };
    let Readiness::Waiting { missing } = readiness(&exchange(), &facts) else { panic!("must wait") };
    let texts: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["an image of backend from aaaaaaa", "workflow .github/workflows/backend.yml to succeed on aaaaaaa",]
    );
}

#[test]
fn a_failed_workflow_holds_the_release_until_a_rerun_succeeds() {
    let mut facts = backend_candidate();
    facts.workflows = vec![workflow("backend", 'a', 1, 1, WorkflowState::Failed)];
    assert_eq!(
        readiness(&exchange(), &facts),
        Readiness::Waiting {
            missing: vec![Missing::WorkflowFailed(".github/workflows/backend.yml".to_owned(), sha('a'))]
        }
    );
    facts.workflows.insert(0, workflow("backend", 'a', 1, 2, WorkflowState::Succeeded));
    assert_eq!(ready_components(&facts).len(), 1);
}

#[test]
fn a_rerun_that_fails_takes_an_earlier_success_back() {
    let mut facts = backend_candidate();
    facts.workflows.push(workflow("backend", 'a', 1, 2, WorkflowState::Failed));
    assert!(matches!(readiness(&exchange(), &facts), Readiness::Waiting { .. }));
}

#[test]
fn a_late_event_of_a_running_attempt_does_not_hide_its_conclusion() {
    let mut facts = backend_candidate();
    facts.workflows.push(workflow("backend", 'a', 1, 1, WorkflowState::Running));
    assert_eq!(ready_components(&facts).len(), 1);
}

#[test]
fn a_workflow_of_another_commit_does_not_count() {
    let mut facts = backend_candidate();
    facts.workflows = vec![workflow("backend", 'b', 1, 1, WorkflowState::Succeeded)];
    assert!(matches!(readiness(&exchange(), &facts), Readiness::Waiting { .. }));
}

#[test]
fn another_branch_is_never_released() {
    let mut facts = backend_candidate();
    facts.pushes[0].branch = BranchName::new("feature/x").unwrap();
    assert!(matches!(readiness(&exchange(), &facts), Readiness::Ignored { why: Ignored::OtherBranch(_) }));
}

#[test]
fn documentation_touches_no_component() {
    let facts = CandidateFacts {
        pushes: vec![push('a', None, &["backend/README.md", "Makefile"])],
        ..Default::default()
    };
    assert_eq!(readiness(&exchange(), &facts), Readiness::Ignored { why: Ignored::TouchesNothing });
}

#[test]
fn unclear_changes_expect_every_component() {
    let mut facts = backend_candidate();
    facts.pushes[0].changes = ChangedPaths::Unclear;
    let Readiness::Waiting { missing } = readiness(&exchange(), &facts) else { panic!("must wait") };
    assert!(
        missing.contains(&Missing::Image(ComponentName::new("engine").unwrap(), sha('a'))),
        "{missing:?}"
    );
}

#[test]
fn a_commit_that_was_overtaken_before_it_started_is_not_lost() {
    let facts = CandidateFacts {
        pushes: vec![
            push('b', Some('a'), &["client/page.tsx"]),
            push('a', None, &["backend/x.rb", "client/y.tsx"]),
        ],
        images: vec![
            image("backend", &"a".repeat(40), '1', 1),
            image("client", &"a".repeat(40), '2', 1),
            image("client", &"b".repeat(40), '3', 2),
        ],
        workflows: vec![
            workflow("backend", 'a', 1, 1, WorkflowState::Succeeded),
            workflow("client", 'b', 2, 1, WorkflowState::Succeeded),
        ],
    };
    assert_eq!(ready_components(&facts), [("backend".to_owned(), sha('a')), ("client".to_owned(), sha('b'))]);
}

#[test]
fn a_short_tag_joins_its_commit_and_the_newest_build_counts() {
    let mut facts = backend_candidate();
    facts.images = vec![image("backend", "aaaaaaa", '2', 5), image("backend", &"a".repeat(40), '1', 3)];
    let Readiness::Ready { images } = readiness(&exchange(), &facts) else { panic!("must be ready") };
    assert_eq!(images.values().next().unwrap().image.pushed_at, Timestamp::from_second(5).unwrap());
}

#[test]
fn t10_the_order_and_number_of_facts_make_no_difference() {
    let facts = backend_candidate();
    let mut doubled = facts.clone();
    doubled.images.extend(facts.images.iter().cloned());
    doubled.workflows.extend(facts.workflows.iter().cloned());
    doubled.images.reverse();
    assert_eq!(readiness(&exchange(), &facts), readiness(&exchange(), &doubled));
}
