use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gantry_domain::End;
use gantry_domain::approval::{Approval, Decision, Outcome};
use gantry_domain::lock::Lock;
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::plan::PlanKind;
use gantry_domain::release::Release;
use gantry_steps::ports::store::{
    Approvals, Asked as PutBefore, ClaimMark, ClaimOutcome, DecideOutcome, Fenced, Locks, NewApproval,
    NewClaim, NewNotice, Outbox, Plans, Releases, Taken, Verified,
};
use gantry_steps::ports::store::{Desks, Seat, Told};
use gantry_steps::ports::{PortError, TaskToken, VendorName};
use serde_json::{Value, json};

use super::{ApprovalsTable, LocksTable, ReleasesTable};
use crate::testing::{Answer, Asked, StubAws};

fn release() -> Release {
    serde_json::from_value(json!({
        "id": "exchange-aaaaaaaaaaaa-1", "commit": "a".repeat(40), "attempt": 1, "origin": "push",
        "execution": "arn:aws:states:us-west-2:111122223333:execution:release:one",
        "claimedAt": "2026-11-21T12:00:00Z", "config": "c".repeat(64), "components": {}, "commits": []
    }))
    .unwrap()
}

fn stage() -> StageName {
    StageName::new("production").unwrap()
}

fn plan_hash() -> PlanHash {
    PlanHash::new("d".repeat(64)).unwrap()
}

fn owner() -> ExecutionArn {
    release().execution
}

/// Nothing has been written in the stage.
fn lock() -> Lock {
    Lock {
        stage: stage(),
        owner: owner(),
        release: release().id,
        rollout: None,
        plan: None,
        tasks: Vec::new(),
        acquired_at: release().claimed_at,
        kept: None,
    }
}

fn approval() -> Approval {
    serde_json::from_value(json!({
        "id": "0".repeat(32), "release": "exchange-aaaaaaaaaaaa-1", "execution": owner(), "stage": "production",
        "plan": "d".repeat(64), "approvers": ["U1"], "askedAt": "2026-11-21T12:00:00Z",
        "expiresAt": "2026-11-21T16:00:00Z", "decision": null
    }))
    .unwrap()
}

fn rejection() -> Decision {
    let at = "2026-11-21T13:00:00Z".parse().unwrap();
    Decision { outcome: Outcome::Rejected, by: None, at, reason: None }
}

fn notice() -> NewNotice {
    let notice = Notice::WaitingForLock { stage: stage(), held_by: "x".to_owned() };
    NewNotice::new("2026-11-21T12:00:00Z".parse().unwrap(), notice)
}

fn cancelled(codes: &[&str]) -> Answer {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "Transaction cancelled", "CancellationReasons": reasons
    });
    Answer::Http(400, body.to_string())
}

/// A row as DynamoDB writes it, all attributes text but those that begin like a number or a truth.
fn row(attributes: &Value) -> Value {
    let typed = attributes.as_object().unwrap().iter().map(|(name, value)| {
        let typed = match value {
            Value::String(text) => json!({ "S": text }),
            Value::Number(number) => json!({ "N": number.to_string() }),
            Value::Bool(flag) => json!({ "BOOL": flag }),
            other => json!({ "S": other.to_string() }),
        };
        (name.clone(), typed)
    });
    Value::Object(typed.collect())
}

/// An AWS with a manifest of one log entry and an approval in this state.
fn with_approval(status: &'static str, writes: impl Fn(usize) -> Answer + Send + Sync + 'static) -> StubAws {
    let count = AtomicUsize::new(0);
    StubAws::new(move |asked: &Asked| match asked.operation.as_str() {
        "GetItem" if asked.body.contains("approval#") => Answer::json(&json!({ "Item": row(&json!({
            "pk": "approval#0", "sk": "approval", "body": serde_json::to_string(&approval()).unwrap(),
            "status": status, "decision": serde_json::to_string(&rejection()).unwrap(), "token": "hush-token",
            "answered": false
        })) })),
        "GetItem" => Answer::json(
            &json!({ "Item": row(&json!({ "pk": "release#x", "sk": "manifest", "nextSeq": 1 })) }),
        ),
        _ => writes(count.fetch_add(1, Ordering::Relaxed)),
    })
}

fn approvals(aws: &StubAws) -> ApprovalsTable {
    ApprovalsTable::new(&aws.config(), "approvals").with_releases("releases")
}

#[tokio::test]
async fn every_read_is_strong() {
    let aws = StubAws::new(|_| Answer::empty());
    let (releases, locks) =
        (ReleasesTable::new(&aws.config(), "releases"), LocksTable::new(&aws.config(), "locks"));
    let id = release().id;
    Releases::find(&releases, &id).await.unwrap();
    releases.log(&id).await.unwrap();
    releases.undelivered().await.unwrap();
    releases.history(&stage(), &"backend".parse().unwrap(), 5).await.unwrap();
    locks.read(&stage()).await.unwrap();
    locks.waiters(&stage()).await.unwrap();
    approvals(&aws).open().await.unwrap();
    let reads: Vec<Asked> = ["GetItem", "Query"].iter().flat_map(|read| aws.asked(read)).collect();
    assert_eq!(reads.len(), 7);
    for read in reads {
        assert_eq!(read.json()["ConsistentRead"], json!(true), "{}", read.body);
    }
}

#[tokio::test]
async fn a_query_follows_every_page() {
    let aws = StubAws::new(|asked| {
        let body = asked.json();
        let release = if body.get("ExclusiveStartKey").is_some() { "exchange-b-1" } else { "exchange-a-1" };
        let mut page = json!({ "Items": [row(&json!({ "pk": "undelivered", "sk": release }))] });
        if release == "exchange-a-1" {
            page["LastEvaluatedKey"] = row(&json!({ "pk": "undelivered", "sk": release }));
        }
        Answer::json(&page)
    });
    let found = ReleasesTable::new(&aws.config(), "releases").undelivered().await.unwrap();
    let ids = ["exchange-a-1", "exchange-b-1"].map(|id| ReleaseId::new(id).unwrap());
    assert_eq!(found, ids);
}

#[tokio::test]
async fn t05_a_decision_and_its_notice_are_one_transaction_over_both_tables() {
    let aws = with_approval("pending", |_| Answer::empty());
    let outcome = approvals(&aws).decide(&approval(), &rejection(), &notice()).await.unwrap();
    assert_eq!(outcome, DecideOutcome::Decided);
    let [write] = aws.asked("TransactWriteItems").try_into().unwrap();
    let items = write.json()["TransactItems"].as_array().unwrap().clone();
    let decided = &items[0]["Update"];
    assert_eq!(decided["TableName"], "approvals");
    assert_eq!(decided["ConditionExpression"], "#status = :pending");
    let told: Vec<&str> =
        items[1..4].iter().filter_map(|item| item["Put"]["Item"]["sk"]["S"].as_str()).collect();
    assert_eq!(told, ["key#waiting-for-lock:production", "log#000002", "exchange-aaaaaaaaaaaa-1"]);
    let manifest = &items[4]["Update"];
    assert_eq!(manifest["TableName"], "releases");
    assert_eq!(manifest["ConditionExpression"], "#nextSeq = :count");
    assert_eq!(manifest["UpdateExpression"], "SET #rejected = :stage, #nextSeq = :nextSeq");
}

#[tokio::test]
async fn t05_a_decision_that_others_got_in_the_way_of_is_tried_again() {
    let aws = with_approval("pending", |count| match count {
        0 => cancelled(&["TransactionConflict", "None", "None", "None", "None"]),
        1 => cancelled(&["None", "None", "None", "None", "ConditionalCheckFailed"]),
        _ => Answer::empty(),
    });
    let outcome = approvals(&aws).decide(&approval(), &rejection(), &notice()).await.unwrap();
    assert_eq!(outcome, DecideOutcome::Decided);
    assert_eq!(aws.asked("TransactWriteItems").len(), 3);
}

#[tokio::test]
async fn a_single_write_that_meets_a_transaction_may_be_tried_again() {
    for code in ["TransactionConflictException", "TransactionInProgressException"] {
        let aws = StubAws::new(move |_| {
            let body =
                json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "busy" });
            Answer::Http(400, body.to_string())
        });
        let error = LocksTable::new(&aws.config(), "locks").free(&lock()).await.unwrap_err();
        assert!(matches!(error, PortError::Throttled { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn t05_a_decided_approval_is_not_written_again() {
    let aws = with_approval("rejected", |_| Answer::empty());
    let outcome = approvals(&aws).decide(&approval(), &rejection(), &notice()).await.unwrap();
    assert_eq!(outcome, DecideOutcome::Before(rejection()));
    assert!(aws.asked("TransactWriteItems").is_empty());
}

#[tokio::test]
async fn t07_an_unreadable_row_is_named_without_its_token() {
    let aws = StubAws::new(|_| {
        let row =
            row(&json!({ "pk": "approval#0", "sk": "approval", "status": "pending", "token": "hush-token" }));
        Answer::json(&json!({ "Item": row }))
    });
    let error = Approvals::find(&approvals(&aws), &approval().id).await.unwrap_err();
    assert!(matches!(error, PortError::Malformed { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("approval#0"), "{error:?}");
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    let readable = with_approval("pending", |_| Answer::empty());
    let stored = Approvals::find(&approvals(&readable), &approval().id).await.unwrap().unwrap();
    assert!(!format!("{stored:?}").contains("hush"), "{stored:?}");
}

#[tokio::test]
async fn a_table_that_only_reads_does_not_write_without_its_notice() {
    let aws = with_approval("pending", |_| Answer::empty());
    let reading = ApprovalsTable::new(&aws.config(), "approvals");
    let error = reading.decide(&approval(), &rejection(), &notice()).await.unwrap_err();
    assert!(matches!(error, PortError::Rejected { .. }), "{error:?}");
    assert!(aws.asked("TransactWriteItems").is_empty());
}

async fn claim(answer: Answer, replaces: Option<&ClaimMark>) -> (Result<ClaimOutcome, PortError>, Value) {
    let aws = StubAws::new(move |_| answer.clone());
    let release = release();
    let pushed = [("backend".parse().unwrap(), release.claimed_at)];
    let pipeline = "exchange".parse().unwrap();
    let claim =
        NewClaim { pipeline: &pipeline, release: &release, replaces, pushed: &pushed, notice: &notice() };
    let outcome = Releases::claim(&ReleasesTable::new(&aws.config(), "releases"), &claim).await;
    let body = aws.asked("TransactWriteItems")[0].json();
    (outcome, body)
}

#[tokio::test]
async fn t10_a_claim_is_one_transaction_and_its_refusals_are_told_apart() {
    let cases = [
        (Answer::empty(), ClaimOutcome::Claimed),
        (cancelled(&["None", "ConditionalCheckFailed", "None"]), ClaimOutcome::Changed),
        (cancelled(&["ConditionalCheckFailed", "None", "None"]), ClaimOutcome::Older),
        (cancelled(&["ConditionalCheckFailed", "ConditionalCheckFailed"]), ClaimOutcome::Changed),
        (cancelled(&["TransactionConflict", "None"]), ClaimOutcome::Changed),
    ];
    for (answer, expected) in cases {
        assert_eq!(claim(answer, None).await.0.unwrap(), expected);
    }
    let (_, body) = claim(Answer::empty(), None).await;
    let items = body["TransactItems"].as_array().unwrap();
    let push = items[0]["Update"]["ConditionExpression"].as_str().unwrap();
    assert_eq!(push, "attribute_not_exists(#pushedAt) OR #pushedAt <= :at");
    assert_eq!(items[1]["Put"]["ConditionExpression"], "attribute_not_exists(#pk)");
    let mark = ClaimMark { execution: owner(), release: release().id, attempt: 1 };
    let (_, body) = claim(Answer::empty(), Some(&mark)).await;
    let condition = &body["TransactItems"][1]["Put"]["ConditionExpression"];
    assert_eq!(condition, "#execution = :execution AND #attempt = :attempt");
}

#[tokio::test]
async fn failures_of_a_transaction_keep_their_kind() {
    let (throttled, _) = claim(cancelled(&["None", "ThrottlingError"]), None).await;
    assert!(matches!(throttled, Err(PortError::Throttled { .. })), "{throttled:?}");
    let (invalid, _) = claim(cancelled(&["ValidationError", "None"]), None).await;
    assert!(matches!(invalid, Err(PortError::Rejected { .. })), "{invalid:?}");
    let (lost, _) = claim(Answer::TimedOut, None).await;
    assert!(matches!(lost, Err(PortError::Unavailable { .. })), "{lost:?}");
    let (denied, _) = claim(Answer::error(400, "AccessDeniedException", "no"), None).await;
    assert!(matches!(denied, Err(PortError::Denied { .. })), "{denied:?}");
}

#[tokio::test]
async fn t09_a_fenced_write_names_the_owner_and_losing_is_a_value() {
    let refuses = Arc::new(AtomicUsize::new(0));
    let answers = refuses.clone();
    let aws = StubAws::new(move |_| match answers.load(Ordering::Relaxed) {
        0 => Answer::empty(),
        _ => Answer::error(400, "ConditionalCheckFailedException", "The conditional request failed"),
    });
    let locks = LocksTable::new(&aws.config(), "locks");
    let (forward, back) = (PlanKind::Release, PlanKind::Rollback);
    let (at, by, plan) = (stage(), owner(), plan_hash());
    assert_eq!(locks.record_rollout(&at, &by, &by, &plan, forward).await.unwrap(), Fenced::Written);
    refuses.store(1, Ordering::Relaxed);
    assert_eq!(locks.record_rollout(&at, &by, &by, &plan, back).await.unwrap(), Fenced::Lost);
    assert_eq!(locks.free(&lock()).await.unwrap(), Fenced::Lost);
    let begun = Lock { rollout: Some(owner()), ..lock() };
    assert_eq!(locks.free(&begun).await.unwrap(), Fenced::Lost);
    assert_eq!(locks.keep(&stage(), &owner(), "why").await.unwrap(), Fenced::Lost);
    let conditions: Vec<Value> = aws
        .asked("UpdateItem")
        .iter()
        .chain(&aws.asked("DeleteItem"))
        .map(|asked| asked.json()["ConditionExpression"].clone())
        .collect();
    assert_eq!(
        conditions,
        [
            "(attribute_not_exists(#kept) AND (attribute_not_exists(#rollout) OR #rollout = :rollout)) \
             AND (#owner = :owner)",
            "(attribute_not_exists(#kept)) AND (#owner = :owner)",
            "#owner = :owner",
            "(#owner = :owner AND attribute_not_exists(#kept)) AND (attribute_not_exists(#rollout))",
            "(#owner = :owner AND attribute_not_exists(#kept)) AND (#rollout = :rollout)",
        ]
    );
}

#[tokio::test]
async fn t22_a_lock_whose_taking_was_not_heard_of_is_found_to_be_ours() {
    let aws = StubAws::new(|asked| match asked.operation.as_str() {
        "PutItem" => Answer::error(400, "ConditionalCheckFailedException", "The conditional request failed"),
        "GetItem" => Answer::json(&json!({ "Item": row(&json!({
            "pk": "lock#production", "sk": "lock", "owner": owner(), "release": release().id,
            "acquiredAt": "2026-11-21T12:00:00Z", "token": "hush"
        })) })),
        _ => Answer::empty(),
    });
    let locks = LocksTable::new(&aws.config(), "locks");
    assert!(matches!(locks.take(&lock(), &TaskToken::new("t")).await.unwrap(), Taken::Yours));
    let other = Lock { owner: ExecutionArn::new(format!("{}-b", owner())).unwrap(), ..lock() };
    let taken = locks.take(&other, &TaskToken::new("t")).await.unwrap();
    assert!(matches!(taken, Taken::Held(held) if held.owner == owner()));
}

#[tokio::test]
async fn an_end_on_record_is_returned_and_nothing_written() {
    let aws = StubAws::new(|_| {
        Answer::json(&json!({ "Item": row(&json!({
            "pk": "release#x", "sk": "manifest", "status": "ended", "end": "Declined", "reason": "no", "nextSeq": 4
        })) }))
    });
    let releases = ReleasesTable::new(&aws.config(), "releases");
    let outcome = releases.end(&release().id, End::Succeeded, "yes", &notice()).await.unwrap();
    assert_eq!(outcome, gantry_steps::ports::store::EndOutcome::Before(End::Declined, "no".to_owned()));
    assert!(aws.asked("TransactWriteItems").is_empty());
}

#[tokio::test]
async fn t06_a_plan_that_does_not_have_its_hash_is_not_returned() {
    let kept = Arc::new(std::sync::Mutex::new(String::new()));
    let store = kept.clone();
    let aws = StubAws::new(move |asked| match asked.operation.as_str() {
        "PutItem" => {
            let packed = asked.json()["Item"]["gzip"]["B"].as_str().unwrap().to_owned();
            *store.lock().unwrap() = packed;
            Answer::empty()
        }
        _ => Answer::json(&json!({ "Item": {
            "pk": {"S": "plan#x"}, "sk": {"S": "plan"}, "gzip": {"B": *store.lock().unwrap()}
        } })),
    });
    let plan = serde_json::from_value(json!({
        "terms": {
            "release": "exchange-aaaaaaaaaaaa-1", "stage": "production", "config": "c".repeat(64),
            "region": "us-west-2", "cluster": "exchange", "registry": "registry", "privateHosts": [],
            "deployRole": "arn:aws:iam::111122223333:role/d", "observeRole": "arn:aws:iam::111122223333:role/o",
            "waveTimeout": {"secs": 600, "nanos": 0}, "services": [], "steps": []
        },
        "observedAt": "2026-11-21T12:00:00Z", "observations": []
    }))
    .unwrap();
    let releases = ReleasesTable::new(&aws.config(), "releases");
    let hash = releases.put(&plan).await.unwrap();
    assert_eq!(releases.get(&hash).await.unwrap(), Some(plan));
    let other = PlanHash::new("e".repeat(64)).unwrap();
    let error = releases.get(&other).await.unwrap_err();
    assert!(matches!(error, PortError::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_hide_the_others_of_its_list() {
    let aws = StubAws::new(|asked| {
        let good = "0".repeat(32);
        let (body, key) = (serde_json::to_string(&approval()).unwrap(), approval().id);
        match asked.operation.as_str() {
            "GetItem" if asked.body.contains(&good) => Answer::json(&json!({ "Item": row(&json!({
                "pk": format!("approval#{key}"), "sk": "approval", "body": body, "status": "pending", "token": "t",
                "answered": false
            })) })),
            "GetItem" => Answer::json(&json!({ "Item": row(&json!({
                "pk": "approval#1", "sk": "approval", "body": "{}", "status": "pending", "token": "t"
            })) })),
            _ => {
                let ids = if asked.body.contains("\"open\"") {
                    ["not an id".to_owned(), "1".repeat(32), good]
                } else {
                    ["Not An Id".to_owned(), String::new(), "exchange-aaaaaaaaaaaa-1".to_owned()]
                };
                let item = |id: &String| {
                    row(&json!({
                        "pk": "list", "sk": id, "execution": owner(), "release": id, "token": "t",
                        "since": "2026-11-21T12:00:00Z"
                    }))
                };
                Answer::json(&json!({ "Items": ids.iter().map(item).collect::<Vec<_>>() }))
            }
        }
    });
    let releases = ReleasesTable::new(&aws.config(), "releases");
    let locks = LocksTable::new(&aws.config(), "locks");
    assert_eq!(releases.running().await.unwrap().len(), 1);
    assert_eq!(releases.undelivered().await.unwrap(), [release().id]);
    assert_eq!(locks.waiters(&stage()).await.unwrap().len(), 1);
    let open = approvals(&aws).open().await.unwrap();
    assert_eq!(open.iter().map(|stored| &stored.approval.id).collect::<Vec<_>>(), [&approval().id]);
}

#[tokio::test]
async fn a_list_that_is_throttled_is_not_called_empty() {
    let aws = StubAws::new(|asked| match asked.operation.as_str() {
        "Query" => Answer::json(&json!({ "Items": [row(&json!({ "pk": "open", "sk": "0".repeat(32) }))] })),
        _ => Answer::error(400, "ThrottlingException", "slow down"),
    });
    let error = approvals(&aws).open().await.unwrap_err();
    assert!(matches!(error, PortError::Throttled { .. }), "{error:?}");
}

#[tokio::test]
async fn t06_a_question_that_takes_anothers_place_does_so_only_where_that_one_stands() {
    let old = approval().id;
    let gate = json!({ "Item": row(&json!({ "pk": "gate#x", "sk": "d", "id": old })) });
    let aws = StubAws::new(move |asked| match asked.operation.as_str() {
        "GetItem" if asked.body.contains("gate#") => Answer::json(&gate),
        "GetItem" if asked.body.contains("approval#") => Answer::json(&json!({ "Item": row(&json!({
            "pk": "approval#0", "sk": "approval", "body": serde_json::to_string(&approval()).unwrap(),
            "status": "pending", "token": "t", "answered": false
        })) })),
        "GetItem" => Answer::json(
            &json!({ "Item": row(&json!({ "pk": "release#x", "sk": "manifest", "nextSeq": 1 })) }),
        ),
        _ => Answer::empty(),
    });
    let asked_again = Approval { id: "1".repeat(32).parse().unwrap(), ..approval() };
    let (old, token, notice) = (approval().id, TaskToken::new("t"), notice());
    let replaces =
        |replaces| NewApproval { approval: &asked_again, token: &token, replaces, notice: &notice };
    let before = approvals(&aws).ask(&replaces(None)).await.unwrap();
    assert!(matches!(before, PutBefore::Before(stored) if stored.approval.id == old));
    assert!(aws.asked("TransactWriteItems").is_empty());
    assert!(matches!(approvals(&aws).ask(&replaces(Some(&old))).await.unwrap(), PutBefore::Now));
    let [write] = aws.asked("TransactWriteItems").try_into().unwrap();
    let gate = write.json()["TransactItems"][1]["Put"].clone();
    assert_eq!(gate["ConditionExpression"], "#id = :old");
    assert_eq!(gate["ExpressionAttributeValues"][":old"]["S"], json!(old));
    assert_eq!(gate["Item"]["id"]["S"], json!(asked_again.id));
}

#[tokio::test]
async fn a_desk_is_given_to_one_sender_until_it_gets_up_or_its_time_is_over() {
    let refused =
        json!({ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException" }).to_string();
    let table = |answer: Answer| {
        let aws = StubAws::new(move |_| answer.clone());
        (ReleasesTable::new(&aws.config(), "releases"), aws)
    };
    let minute = std::time::Duration::from_secs(60);
    let (releases, _) = table(Answer::Http(400, refused.clone()));
    let seat = releases.sit_down(VendorName::Monday, "me", minute).await.unwrap();
    assert_eq!(seat, Seat::Occupied);
    // Somebody has taken the seat over: that is no error.
    releases.get_up(VendorName::Monday, "me", None).await.unwrap();

    let rest = json!({ "Attributes": row(&json!({ "restUntil": "2026-11-21T12:00:00Z" })) });
    for (answer, expected) in [
        (Answer::empty(), Seat::Taken),
        (Answer::json(&rest), Seat::Resting("2026-11-21T12:00:00Z".parse().unwrap())),
    ] {
        let (releases, aws) = table(answer);
        let before = jiff::Timestamp::now();
        assert_eq!(releases.sit_down(VendorName::Monday, "me", minute).await.unwrap(), expected);
        let [write] = aws.asked("UpdateItem").try_into().unwrap();
        let write = write.json();
        assert_eq!(write["Key"]["pk"]["S"], "desk#monday");
        assert_eq!(write["ConditionExpression"], "attribute_not_exists(#heldBy) OR #heldUntil < :now");
        let until: jiff::Timestamp =
            write["ExpressionAttributeValues"][":until"]["S"].as_str().unwrap().parse().unwrap();
        let span = until.duration_since(before).as_secs();
        assert!((60..=62).contains(&span), "{span} s of real time");
    }
    let (releases, aws) = table(Answer::empty());
    releases.get_up(VendorName::Monday, "me", Some("2026-11-21T12:00:00Z".parse().unwrap())).await.unwrap();
    let [write] = aws.asked("UpdateItem").try_into().unwrap();
    assert_eq!(write.json()["ConditionExpression"], "#heldBy = :who");
    assert_eq!(write.json()["UpdateExpression"], "SET #restUntil = :rest REMOVE #heldBy, #heldUntil");
}

#[tokio::test]
async fn how_far_a_vendor_was_told_is_noted_only_where_it_stands_as_it_was_read() {
    let (aws, id) = (StubAws::new(|_| Answer::empty()), release().id);
    let releases = ReleasesTable::new(&aws.config(), "releases");
    let told = releases.told(&id, VendorName::GitHub).await.unwrap();
    assert_eq!(told, Told::default());
    let next = Told { attempts: 1, ..Told::default() };
    assert!(releases.note(&id, VendorName::GitHub, &told, &next).await.unwrap());
    assert!(
        releases.note(&id, VendorName::GitHub, &next, &Told { up_to: 1, ..Told::default() }).await.unwrap()
    );
    let [first, second] = aws.asked("UpdateItem").try_into().unwrap();
    let stands = "#upTo = :wasUpTo AND #attempts = :wasAttempts";
    assert_eq!(first.json()["ConditionExpression"], format!("({stands}) OR (attribute_not_exists(#pk))"));
    assert_eq!(second.json()["ConditionExpression"], stands, "a row that was there is there");
    assert_eq!(second.json()["Key"]["sk"]["S"], "told#github");
}
