//! How answers and refusals look on the wire: the AWS JSON 1.1 protocol, and the query protocol's XML for STS.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::aws::AwsError;

/// A JSON answer, or the refusal.
pub(super) fn json_answer(request_id: &str, outcome: &Result<Value, AwsError>) -> Response<Body> {
    let (status, body, error) = match outcome {
        Ok(output) => (200, output.to_string(), None),
        Err(error) => (
            error.status,
            json!({ "__type": error.code, "message": error.message }).to_string(),
            Some(error.code.as_str()),
        ),
    };
    response(status, "application/x-amz-json-1.1", request_id, body, error)
}

/// An XML answer of STS: the output's XML goes inside `<{operation}Result>`.
pub(super) fn xml_answer(
    request_id: &str,
    operation: &str,
    outcome: &Result<String, AwsError>,
) -> Response<Body> {
    const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
    let (status, body, error) = match outcome {
        Ok(result) => {
            let body = format!(
                "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
                 <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
            );
            (200, body, None)
        }
        Err(error) => {
            let body = format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{}</Code>\
                 <Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
                escaped(&error.code),
                escaped(&error.message),
            );
            (error.status, body, Some(error.code.as_str()))
        }
    };
    response(status, "text/xml", request_id, body, error)
}

/// A connection that breaks off where the answer should be: the caller cannot know what became of its call.
pub(super) fn lost_answer() -> Response<Body> {
    let broken =
        futures::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("the answer is lost")) });
    Response::new(Body::from_stream(broken))
}

fn response(
    status: u16,
    content_type: &str,
    request_id: &str,
    body: String,
    error: Option<&str>,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [
        (header::CONTENT_TYPE.as_str(), Some(content_type)),
        ("x-amzn-requestid", Some(request_id)),
        ("x-amzn-errortype", error),
    ];
    for (name, value) in headers {
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Text as it may stand between XML tags.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
