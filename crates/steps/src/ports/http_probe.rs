//! Asking an HTTP endpoint whether it works.

use std::time::Duration;

use async_trait::async_trait;

/// One question to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// No answer by then is a failure. Real time.
    pub timeout: Duration,
    /// No more of the body than this is read.
    pub body_limit: usize,
    /// Hosts in private or loopback networks that may be reached; metadata and link-local addresses never are (T36).
    pub private_hosts: &'a [String],
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// An answer of any status; a redirect counts as one and is not followed.
    Answered {
        /// The status.
        status: u16,
        /// The body, as far as it was read.
        body: Vec<u8>,
        /// Was there more than the limit?
        cut: bool,
        /// From sending to the last byte, in real time.
        latency: Duration,
    },
    /// No answer, for a reason that says nothing secret.
    Failed {
        /// Why.
        reason: String,
    },
    /// The address may not be reached. Asking again changes nothing.
    Forbidden {
        /// Why.
        reason: String,
    },
}

/// Asks with GET, without credentials, without following redirects.
#[async_trait]
pub trait HttpProbe: Send + Sync {
    /// Asks once.
    async fn get(&self, request: ProbeRequest<'_>) -> ProbeAnswer;
}
