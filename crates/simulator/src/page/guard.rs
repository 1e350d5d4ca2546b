//! Who may use the page: a browser on this machine that loaded it, and no other web page in that browser.
//!
//! Requests come from loopback and name it as their host (a foreign name that resolves to 127.0.0.1 is refused). What
//! changes something carries the token that only the page itself was given, and does not come from another origin.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Carries the page's token on requests that change something.
pub const TOKEN_HEADER: &str = "x-gantry-page";

/// Lets a request through, or answers 403 with the reason.
pub(super) async fn check(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    match refusal(&request, &token) {
        None => next.run(request).await,
        Some(reason) => (StatusCode::FORBIDDEN, reason).into_response(),
    }
}

fn refusal(request: &Request, token: &str) -> Option<&'static str> {
    let headers = request.headers();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if peer.is_some_and(|ConnectInfo(peer)| !peer.ip().is_loopback()) {
        return Some("the page answers this machine only");
    }
    let host = text(headers, header::HOST.as_str()).unwrap_or_default();
    if !names_loopback(host) {
        return Some("the page answers to a loopback address only");
    }
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return None;
    }
    if text(headers, "sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Some("another site sent this");
    }
    if text(headers, header::ORIGIN.as_str()).is_some_and(|origin| origin != format!("http://{host}")) {
        return Some("another origin sent this");
    }
    if text(headers, TOKEN_HEADER) != Some(token) {
        return Some("the page's token is missing or old: reload the page");
    }
    None
}

fn names_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_count_as_loopback() {
        for host in ["127.0.0.1", "127.0.0.1:4566", "localhost:1", "[::1]:4566", "[::1]"] {
            assert!(names_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.evil.example",
            "10.0.0.1:80",
            "[::2]",
        ] {
            assert!(!names_loopback(host), "{host}");
        }
    }
}
