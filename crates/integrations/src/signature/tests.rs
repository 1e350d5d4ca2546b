use proptest::prelude::*;

use super::*;

const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const SLACK_AT: i64 = 1_531_420_618;
const SLACK_SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
const SLACK_BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
    channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
    response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
    trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

fn secret(text: &str) -> SigningSecret {
    SigningSecret::parse(&text.to_owned().into()).unwrap()
}

fn raw(text: &str) -> RawBody {
    RawBody::take(text, false, 1 << 20).unwrap()
}

fn sign(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}

fn slack(timestamp: &str, now: i64) -> Result<VerifiedBody, Refusal> {
    let signature = format!("v0={}", sign(SLACK_SECRET, &[b"v0:", timestamp.as_bytes(), b":", b"hello"]));
    raw("hello").from_slack(Some(timestamp), Some(&signature), &secret(SLACK_SECRET), now)
}

#[test]
fn t02_slacks_own_example_is_accepted() {
    let at = SLACK_AT.to_string();
    let verified = raw(SLACK_BODY)
        .from_slack(Some(&at), Some(SLACK_SIGNATURE), &secret(SLACK_SECRET), SLACK_AT)
        .unwrap();
    assert_eq!(verified.bytes(), SLACK_BODY.as_bytes());
}

#[test]
fn t02_githubs_own_example_is_accepted() {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let verified =
        raw("Hello, World!").from_github(Some(signature), &secret("It's a Secret to Everybody")).unwrap();
    assert_eq!(verified.bytes(), b"Hello, World!");
}

#[test]
fn t02_every_changed_byte_of_a_good_request_is_noticed() {
    let at = SLACK_AT.to_string();
    for index in 0..SLACK_BODY.len() {
        let mut body = SLACK_BODY.as_bytes().to_vec();
        body[index] ^= 1;
        let changed =
            RawBody(body).from_slack(Some(&at), Some(SLACK_SIGNATURE), &secret(SLACK_SECRET), SLACK_AT);
        assert_eq!(changed, Err(Refusal::WrongSignature), "byte {index}");
    }
    for index in 3..SLACK_SIGNATURE.len() {
        let mut signature = SLACK_SIGNATURE.as_bytes().to_vec();
        signature[index] = if signature[index] == b'0' { b'1' } else { b'0' };
        let signature = String::from_utf8(signature).unwrap();
        let changed =
            raw(SLACK_BODY).from_slack(Some(&at), Some(&signature), &secret(SLACK_SECRET), SLACK_AT);
        assert_eq!(changed, Err(Refusal::WrongSignature), "digit {index}");
    }
    let moved = (SLACK_AT + 1).to_string();
    let replayed =
        raw(SLACK_BODY).from_slack(Some(&moved), Some(SLACK_SIGNATURE), &secret(SLACK_SECRET), SLACK_AT);
    assert_eq!(replayed, Err(Refusal::WrongSignature));
}

#[test]
fn t02_missing_and_malformed_headers_are_named() {
    let at = SLACK_AT.to_string();
    let key = secret(SLACK_SECRET);
    let refused = |timestamp: Option<&str>, signature: Option<&str>| {
        raw(SLACK_BODY).from_slack(timestamp, signature, &key, SLACK_AT).unwrap_err().to_string()
    };
    assert_eq!(refused(None, Some(SLACK_SIGNATURE)), "header X-Slack-Request-Timestamp is missing");
    assert_eq!(refused(Some(&at), None), "header X-Slack-Signature is missing");
    for odd in ["", "v0=", "a2114d", "v1=00", "v0=zz", &SLACK_SIGNATURE[..SLACK_SIGNATURE.len() - 2]] {
        assert_eq!(refused(Some(&at), Some(odd)), "header X-Slack-Signature is malformed", "{odd:?}");
    }
    let github = raw("x").from_github(Some("sha1=00"), &key).unwrap_err();
    assert_eq!(github, Refusal::MalformedHeader("X-Hub-Signature-256"));
}

#[test]
fn t02_the_other_vendors_signature_does_not_open_this_door() {
    let github = format!("sha256={}", sign(SLACK_SECRET, &[b"hello"]));
    let at = SLACK_AT.to_string();
    assert!(raw("hello").from_slack(Some(&at), Some(&github), &secret(SLACK_SECRET), SLACK_AT).is_err());
}

#[test]
fn t32_a_request_is_fresh_for_five_minutes_in_both_directions() {
    for (age, fresh) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
        let verdict = slack(&SLACK_AT.to_string(), SLACK_AT + age);
        assert_eq!(verdict.is_ok(), fresh, "{age} s");
        assert!(fresh || verdict == Err(Refusal::Stale));
    }
}

#[test]
fn t32_times_at_the_ends_of_what_a_number_can_hold_are_refused() {
    for now in [i64::MIN, -1, SLACK_AT, i64::MAX] {
        let far = if now == i64::MAX { "0".to_owned() } else { i64::MAX.to_string() };
        assert_eq!(slack(&far, now), Err(Refusal::Stale), "{now}");
    }
    let malformed = Err(Refusal::MalformedHeader("X-Slack-Request-Timestamp"));
    for odd in ["", "9223372036854775808", "-1", "+1531420618", "1531420618.0", " 1531420618", "1e9", "١٢٣"]
    {
        assert_eq!(slack(odd, SLACK_AT), malformed, "{odd:?}");
    }
}

#[test]
fn t29_a_body_is_refused_by_length_before_it_is_decoded() {
    let limit = 30;
    assert!(RawBody::take(&"a".repeat(30), false, limit).is_ok());
    assert_eq!(RawBody::take(&"a".repeat(31), false, limit), Err(Refusal::TooLarge { limit }));
    // Not base64 at all, yet too long: length is looked at first.
    assert_eq!(RawBody::take(&"*".repeat(41), true, limit), Err(Refusal::TooLarge { limit }));
    assert_eq!(RawBody::take("*", true, limit), Err(Refusal::NotBase64));
    assert!(RawBody::take(&STANDARD.encode([0; 30]), true, limit).is_ok());
    // Encoded, 31 and 32 bytes would still fit where 33 do; decoded they do not.
    let limit = 31;
    assert_eq!(RawBody::take(&STANDARD.encode([0; 32]), true, limit), Err(Refusal::TooLarge { limit }));
    let huge = "a".repeat(6 << 20);
    assert!(matches!(RawBody::take(&huge, true, 1 << 20), Err(Refusal::TooLarge { .. })));
}

#[test]
fn t34_the_secret_before_the_rotation_still_counts_and_no_other() {
    let rotated = secret(r#"{"current": "new", "previous": "old"}"#);
    let signed = |with: &str| format!("sha256={}", sign(with, &[b"hello"]));
    assert!(raw("hello").from_github(Some(&signed("new")), &rotated).is_ok());
    assert!(raw("hello").from_github(Some(&signed("old")), &rotated).is_ok());
    assert!(raw("hello").from_github(Some(&signed("older")), &rotated).is_err());
    let settled = secret(r#"{"current": "new", "previous": null}"#);
    assert!(raw("hello").from_github(Some(&signed("old")), &settled).is_err());
    let emptied = secret(r#"{"current": "new", "previous": ""}"#);
    assert!(raw("hello").from_github(Some(&signed("")), &emptied).is_err());
}

#[test]
fn t34_an_unusable_secret_lets_nobody_in_and_is_not_repeated() {
    for (stored, error) in [
        ("", SecretError::Empty),
        ("  \n", SecretError::Empty),
        (r#"{"current": ""}"#, SecretError::Empty),
        (r#"{"previous": "hunter2"}"#, SecretError::Malformed),
        (r#"{"current": ["hunter2"]}"#, SecretError::Malformed),
        ("{hunter2", SecretError::Malformed),
    ] {
        let refused = SigningSecret::parse(&stored.to_owned().into()).unwrap_err();
        assert_eq!(refused, error, "{stored}");
        assert!(!refused.to_string().contains("hunter2"));
    }
    assert!(!format!("{:?}", secret("hunter2")).contains("hunter2"));
}

#[test]
fn t33_signatures_are_compared_by_the_mac_alone() {
    // A `==` over digits or bytes would give the secret away by its timing.
    let source = include_str!("../signature.rs");
    let compared = source.lines().filter(|line| line.contains("==") && line.contains("signature"));
    assert_eq!(compared.count(), 0);
    assert_eq!(source.matches("verify_slice(").count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn t02_no_forged_request_is_accepted(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        mac in any::<[u8; 32]>(),
        offset in -300i64..=300,
    ) {
        let at = (SLACK_AT + offset).to_string();
        let header = format!("v0={}", hex::encode(mac));
        let key = secret(SLACK_SECRET);
        let forged = RawBody(body.clone()).from_slack(Some(&at), Some(&header), &key, SLACK_AT);
        prop_assert_eq!(forged, Err(Refusal::WrongSignature));
        let header = format!("sha256={}", hex::encode(mac));
        prop_assert!(RawBody(body).from_github(Some(&header), &key).is_err());
    }

    #[test]
    fn t30_odd_headers_never_panic(timestamp in ".{0,40}", signature in ".{0,90}", now in any::<i64>()) {
        let key = secret(SLACK_SECRET);
        prop_assert!(raw("x").from_slack(Some(&timestamp), Some(&signature), &key, now).is_err());
        prop_assert!(raw("x").from_github(Some(&signature), &key).is_err());
    }
}
