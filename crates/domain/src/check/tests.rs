use serde_json::json;

use super::*;

const COMMIT: &str = "4f2a9c1d3e5b7a8c9d0e1f2a3b4c5d6e7f8a9b0c";

fn check() -> HttpCheck {
    serde_json::from_value(json!({
        "url": "https://preprod.exchange.example/health", "status": 200,
        "json": [{"pointer": "/status", "equals": "ok"}],
        "version": {"pointer": "/version", "component": "backend"},
        "latency_budget": {"secs": 2, "nanos": 0}, "samples": 3, "attempts": 5, "interval": {"secs": 5, "nanos": 0},
    }))
    .unwrap()
}

fn answer(body: &[u8]) -> Answer<'_> {
    Answer { status: 200, body, cut: false, latency: Duration::from_millis(80) }
}

fn commit() -> CommitSha {
    CommitSha::new(COMMIT).unwrap()
}

#[test]
fn the_version_that_answers_must_be_the_one_released_by_at_least_seven_digits() {
    let commit = commit();
    for (version, good) in [
        (json!(COMMIT), true),
        (json!("4f2a9c1"), true),
        (json!("4F2A9C1D"), true),
        (json!("4f2a9c"), false),
        (json!("4f2a9c2"), false),
        (json!(""), false),
        (json!(null), false),
        (json!(4_291), false),
        (json!(format!("{COMMIT}0")), false),
        (json!("sha-4f2a9c1"), false),
    ] {
        let body = json!({"status": "ok", "version": version}).to_string();
        let looked = look(&check(), Some(Version::Known(&commit)), answer(body.as_bytes()));
        assert_eq!(looked.is_ok(), good, "{version}: {looked:?}");
    }
}

#[test]
fn a_component_from_before_gantry_must_at_least_answer_some_commit() {
    let looked = |body: &str| look(&check(), Some(Version::Unknown), answer(body.as_bytes()));
    assert_eq!(looked(r#"{"status": "ok", "version": "abcdef0"}"#), Ok(()));
    assert!(looked(r#"{"status": "ok", "version": "latest"}"#).is_err());
    assert!(look(&check(), None, answer(br#"{"status": "ok", "version": "abcdef0"}"#)).is_err());
}

#[test]
fn every_flaw_is_named() {
    let commit = commit();
    let version = Some(Version::Known(&commit));
    let body = json!({"status": "ok", "version": COMMIT}).to_string();
    let good = answer(body.as_bytes());
    assert_eq!(look(&check(), version, good), Ok(()));
    let cases = [
        (Answer { status: 503, ..good }, "it answered status 503, not 200"),
        (Answer { latency: Duration::from_millis(2001), ..good }, "it took 2001 ms, more than 2000 ms"),
        (Answer { cut: true, ..good }, "its answer is too long to read"),
        (answer(b"<html>"), "its answer is not JSON"),
        (answer(br#"{"status": "degraded"}"#), r#"at /status it says "degraded", not "ok""#),
        (answer(b"[]"), r#"at /status it says nothing, not "ok""#),
    ];
    for (answer, words) in cases {
        assert_eq!(look(&check(), version, answer).unwrap_err().to_string(), words);
    }
}

#[test]
fn a_check_of_the_status_alone_does_not_read_the_body() {
    let check = HttpCheck { json: Vec::new(), version: None, ..check() };
    assert_eq!(look(&check, None, Answer { cut: true, ..answer(b"<html>") }), Ok(()));
}

#[test]
fn t35_little_of_an_answer_is_repeated() {
    let body = json!({"status": "x".repeat(10_000)}).to_string();
    let flaw = look(&check(), Some(Version::Unknown), answer(body.as_bytes())).unwrap_err();
    assert!(flaw.to_string().len() < 200, "{flaw}");
}

/// Plays answers (`true` is good) until the check is decided; how many were used.
fn play(check: &HttpCheck, answers: &[bool]) -> (Look, usize) {
    let mut progress = CheckProgress::default();
    for (index, good) in answers.iter().enumerate() {
        let answer = if *good { Ok(()) } else { Err(Flaw::NotJson) };
        let look = progress.note("health", check, answer);
        if look != Look::Again {
            return (look, index + 1);
        }
    }
    (Look::Again, answers.len())
}

#[test]
fn good_answers_count_only_in_a_row() {
    assert_eq!(play(&check(), &[true, true, true]), (Look::Passed, 3));
    assert_eq!(play(&check(), &[true, false, true, true, true]), (Look::Passed, 5));
    assert_eq!(play(&check(), &[true, true]), (Look::Again, 2));
}

#[test]
fn a_check_fails_as_soon_as_the_attempts_left_are_not_enough() {
    let (look, used) = play(&check(), &[true, true, false, true, true]);
    assert_eq!(used, 3, "two attempts are left, three good ones wanted");
    assert!(matches!(look, Look::Failed(reason) if reason.contains("not JSON")));
}

#[test]
fn a_check_that_passed_gives_way_to_the_next_one() {
    let mut progress = CheckProgress {
        check: 1,
        looked: 4,
        good: 2,
        trouble: Some("slow".to_owned()),
        ..CheckProgress::default()
    };
    assert_eq!(progress.note("health", &check(), Ok(())), Look::Passed);
    assert_eq!(progress, CheckProgress { check: 2, ..CheckProgress::default() });
}

/// A check always ends within its attempts, and passes exactly when some row of them was good: all sequences of up to
/// eight answers.
#[test]
fn every_sequence_of_answers_is_decided_in_time_and_rightly() {
    for samples in 1..=4_u32 {
        for attempts in samples..=8 {
            let check = HttpCheck { samples, attempts, ..check() };
            for bits in 0..1_u32 << attempts {
                let answers: Vec<bool> = (0..attempts).map(|index| bits >> index & 1 == 1).collect();
                let row = answers.windows(samples as usize).any(|row| row.iter().all(|good| *good));
                let (look, _) = play(&check, &answers);
                assert_eq!(look == Look::Passed, row, "{samples} of {answers:?}");
                assert_eq!(matches!(look, Look::Failed(_)), !row, "{samples} of {answers:?}");
            }
        }
    }
}
