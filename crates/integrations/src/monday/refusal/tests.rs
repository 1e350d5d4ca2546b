use serde_json::json;

use super::*;

fn refusal(status: u16, asked: Option<u64>, body: Value) -> Option<VendorError> {
    let status = StatusCode::from_u16(status).unwrap();
    of("call", status, asked.map(Duration::from_secs), Some(&body))
}

/// What is done about it: the error in words, and the pause.
fn judged(status: u16, asked: Option<u64>, body: Value) -> (String, Option<u64>) {
    match refusal(status, asked, body) {
        None => ("fine".to_owned(), None),
        Some(VendorError::Throttled { retry_after, .. }) => {
            ("throttled".to_owned(), retry_after.map(|pause| pause.as_secs()))
        }
        Some(error) => (error.to_string(), None),
    }
}

fn error(code: &str, more: Value) -> Value {
    let mut extensions = json!({"code": code, "error_data": {}});
    extensions.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"data": {"create_item": null}, "errors": [{"message": "In words", "path": ["create_item"], "extensions": extensions}]})
}

#[test]
fn an_answer_without_errors_is_no_refusal() {
    assert!(refusal(200, None, json!({"data": {"x": 1}})).is_none());
    assert!(refusal(200, None, json!({"data": {}, "errors": []})).is_none());
    assert!(of("call", StatusCode::OK, None, None).is_none(), "what is no JSON is found out when it is read");
}

#[test]
fn t44_budgets_and_limits_inside_a_200_are_pauses() {
    for (body, asked, pause) in [
        (error("COMPLEXITY_BUDGET_EXHAUSTED", json!({"retry_in_seconds": 17, "status_code": 429})), None, 17),
        (error("COMPLEXITY_BUDGET_EXHAUSTED", json!({})), Some(30), 30),
        (error("COMPLEXITY_BUDGET_EXHAUSTED", json!({})), None, 60),
        (error("DAILY_LIMIT_EXCEEDED", json!({"status_code": 429})), None, 3600),
        (error("FIELD_LIMIT_EXCEEDED", json!({"error_data": {"retry_in_seconds": 15}})), None, 15),
        (error("SomethingNew", json!({"status_code": 429})), None, 60),
        // The older shapes, as Monday's changelog shows them.
        (
            json!({"error_code": "ComplexityException", "status_code": 429, "error_data": {},
                "error_message": "Complexity budget exhausted, query cost 30001 budget remaining 19986 out of 1000000 reset in 3 seconds",
                "errors": ["Complexity budget exhausted, query cost 30001 budget remaining 19986 out of 1000000 reset in 3 seconds"],
                "account_id": 1_234_567_890}),
            Some(3),
            3,
        ),
        (
            json!({"error_message": "Concurrency limit exceeded for the field", "error_code": "FIELD_LIMIT_EXCEEDED",
                "error_data": {"retry_in_seconds": 15, "entity": "boards"}, "status_code": 429, "account_id": 123_456}),
            None,
            15,
        ),
        (json!({"errors": ["Complexity budget exhausted, query cost 1 budget remaining 0"]}), None, 60),
        (error("RATE_LIMIT_EXCEEDED", json!({"retry_in_seconds": 999_999_999})), None, 86_400),
    ] {
        assert_eq!(judged(200, asked, body.clone()), ("throttled".to_owned(), Some(pause)), "{body}");
    }
}

#[test]
fn t44_every_other_error_inside_a_200_is_told_apart_by_what_can_be_done() {
    let set_up = "call is not set up: ";
    for (body, expected) in [
        (
            error("UserUnauthorizedException", json!({"status_code": 403})),
            format!("{set_up}UserUnauthorizedException: In words"),
        ),
        (
            error("ColumnValueException", json!({"status_code": 200})),
            format!("{set_up}ColumnValueException: In words"),
        ),
        (error("InvalidColumnIdException", json!({})), format!("{set_up}InvalidColumnIdException: In words")),
        (error("InvalidBoardIdException", json!({})), format!("{set_up}InvalidBoardIdException: In words")),
        (
            error("ResourceNotFoundException", json!({"status_code": 404})),
            format!("{set_up}ResourceNotFoundException: In words"),
        ),
        (error("SomethingNew", json!({"status_code": 403})), format!("{set_up}SomethingNew: In words")),
        (json!({"errors": ["Not Authenticated"]}), format!("{set_up}Not Authenticated")),
        (error("INTERNAL_SERVER_ERROR", json!({})), "call got no usable answer".to_owned()),
        (error("SomethingNew", json!({"status_code": 503})), "call got no usable answer".to_owned()),
        (
            error("GRAPHQL_VALIDATION_FAILED", json!({})),
            "call was refused: GRAPHQL_VALIDATION_FAILED: In words".to_owned(),
        ),
        (
            error("ItemNameTooLongException", json!({"status_code": 200})),
            "call was refused: ItemNameTooLongException: In words".to_owned(),
        ),
        (json!({"errors": [{"message": "Odd"}]}), "call was refused: Odd".to_owned()),
        (json!({"error_message": "Odd", "data": {}}), "call was refused: Odd".to_owned()),
    ] {
        assert_eq!(judged(200, None, body.clone()), (expected, None), "{body}");
    }
}

#[test]
fn of_several_errors_the_gravest_decides() {
    let mut body = error("COMPLEXITY_BUDGET_EXHAUSTED", json!({}));
    body["errors"]
        .as_array_mut()
        .unwrap()
        .push(json!({"message": "gone", "extensions": {"code": "InvalidBoardIdException"}}));
    assert_eq!(judged(200, None, body).0, "call is not set up: InvalidBoardIdException: gone");
}

#[test]
fn t44_statuses_speak_for_themselves() {
    for (status, asked, body, expected) in [
        (429, Some(7), json!(null), ("throttled", Some(7))),
        (429, None, error("RATE_LIMIT_EXCEEDED", json!({"retry_in_seconds": 9})), ("throttled", Some(9))),
        (409, Some(1), json!(null), ("throttled", Some(1))),
        (423, None, json!(null), ("throttled", Some(60))),
        (401, None, json!({"errors": ["Not Authenticated"]}), ("call is not set up: HTTP status 401", None)),
        (403, None, json!(null), ("call is not set up: HTTP status 403", None)),
        (302, None, json!(null), ("call is not set up: HTTP status 302", None)),
        (
            400,
            None,
            error("GRAPHQL_PARSE_FAILED", json!({})),
            ("call was refused: GRAPHQL_PARSE_FAILED: In words", None),
        ),
        (400, None, json!(null), ("call was refused: HTTP status 400", None)),
        (500, None, error("COMPLEXITY_BUDGET_EXHAUSTED", json!({})), ("call got no usable answer", None)),
        (504, None, json!(null), ("call got no usable answer", None)),
    ] {
        let (words, pause) = judged(status, asked, body);
        assert_eq!((words.as_str(), pause), expected, "{status}");
    }
}

#[test]
fn t30_odd_shapes_do_no_harm() {
    for body in [
        json!([]),
        json!("x"),
        json!({"errors": "x"}),
        json!({"errors": [null, 1, [], {}]}),
        json!({"error_code": 5}),
    ] {
        let _ = refusal(200, None, body);
    }
    assert!(
        refusal(200, None, json!({"errors": [null]})).is_some(),
        "an error is an error whatever its shape"
    );
}
