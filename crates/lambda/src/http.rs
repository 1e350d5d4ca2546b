//! Requests and answers of the HTTP API (payload format 2.0), as far as routes use them.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use gantry_integrations::signature::{RawBody, Refusal};
use serde_json::{Value, json};

/// A request, nothing of which is known to be true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    headers: Vec<(String, String)>,
    body: String,
    is_base64: bool,
}

/// What a client is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The body; none for an empty one.
    pub body: Option<Value>,
}

impl HttpRequest {
    /// A request as it came.
    pub fn new(headers: &[(&str, &str)], body: impl Into<String>, is_base64: bool) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_ascii_lowercase(), (*value).to_owned()));
        Self { headers: headers.collect(), body: body.into(), is_base64 }
    }

    /// The same with another body.
    #[cfg(test)]
    pub(crate) fn with_body(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    /// Reads an event of the HTTP API.
    pub(crate) fn read(event: Value) -> Result<Self, serde_json::Error> {
        let event: ApiGatewayV2httpRequest = serde_json::from_value(event)?;
        let headers = event.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_ascii_lowercase(), value.to_str().ok()?.to_owned()))
        });
        let headers = headers.collect();
        Ok(Self { headers, body: event.body.unwrap_or_default(), is_base64: event.is_base64_encoded })
    }

    /// The header of that name, in whatever case. One given twice counts as missing: nobody should choose between two.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_str())
    }

    /// The body, if it is not longer than that.
    pub(crate) fn body(&self, limit: usize) -> Result<RawBody, Refusal> {
        RawBody::take(&self.body, self.is_base64, limit)
    }
}

impl HttpAnswer {
    /// Received, nothing to say.
    pub fn received() -> Self {
        Self { status: 200, body: None }
    }

    /// Received, with an answer.
    pub fn with(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }

    /// Turned away, in words that name what was wrong.
    pub fn refused(status: u16, why: impl std::fmt::Display) -> Self {
        Self { status, body: Some(json!({"error": why.to_string()})) }
    }

    /// Something is wrong here, and what it is is nobody's business there.
    pub(crate) fn broken() -> Self {
        Self::refused(500, "something went wrong here and was logged; sending the same request again is safe")
    }

    /// As the HTTP API wants it.
    pub(crate) fn write(self) -> Value {
        let body = self.body.map_or_else(String::new, |body| body.to_string());
        json!({
            "statusCode": self.status,
            "headers": {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"},
            "body": body,
            "isBase64Encoded": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_the_http_api_is_read() {
        let event = json!({
            "version": "2.0", "routeKey": "POST /slack/interactions", "rawPath": "/slack/interactions",
            "rawQueryString": "", "headers": {"X-Slack-Signature": "v0=00", "content-type": "text/plain"},
            "requestContext": {"http": {"method": "POST", "path": "/slack/interactions"}, "timeEpoch": 1},
            "pathParameters": null, "body": "aGk=", "isBase64Encoded": true,
        });
        let request = HttpRequest::read(event).unwrap();
        assert_eq!(request.header("x-slack-signature"), Some("v0=00"));
        assert_eq!((&*request.body, request.is_base64), ("aGk=", true));
    }

    #[test]
    fn a_header_given_twice_counts_as_missing() {
        let request = HttpRequest::new(&[("A", "1"), ("a", "2"), ("B", "3")], "", false);
        assert_eq!((request.header("a"), request.header("b"), request.header("c")), (None, Some("3"), None));
    }
}
