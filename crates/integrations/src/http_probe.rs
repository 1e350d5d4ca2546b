//! HTTP checks: one GET to an address that was looked at before it is connected to (T36).
//!
//! The host is resolved once, every address is judged, and the connection goes to an address that was judged good, so a
//! name that answers differently the second time gains nothing. No redirect is followed, no credential sent, no proxy
//! used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gantry_steps::ports::{HttpProbe, ProbeAnswer, ProbeRequest};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use url::{Host, Url};

/// Finds the addresses of a host. A seam for the test of rebinding.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of the host, with the port.
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// A careful HTTP client.
pub struct ReqwestProbe<R = SystemResolver> {
    resolver: R,
}

/// What an address is, as far as a check may reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Anybody's.
    Public,
    /// Private or loopback: only for hosts that the configuration lists.
    Private,
    /// Metadata, link-local, or no host's address at all.
    Never,
}

impl Default for ReqwestProbe {
    fn default() -> Self {
        Self { resolver: SystemResolver }
    }
}

impl<R: Resolve> ReqwestProbe<R> {
    /// Uses another resolver.
    pub fn with_resolver(resolver: R) -> Self {
        Self { resolver }
    }

    async fn ask(&self, request: &ProbeRequest<'_>) -> Result<ProbeAnswer, ProbeAnswer> {
        let url = Url::parse(request.url).map_err(|error| forbidden(format!("not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(forbidden(format!("scheme {} is not http or https", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden("the URL holds credentials".to_owned()));
        }
        let host = url.host_str().ok_or_else(|| forbidden("the URL names no host".to_owned()))?;
        let addresses = self.addresses(&url).await?;
        let is_listed = request.private_hosts.iter().any(|listed| listed.eq_ignore_ascii_case(host));
        for address in &addresses {
            match reach(address.ip()) {
                Reach::Public => {}
                Reach::Private if is_listed => {}
                Reach::Private => {
                    return Err(forbidden(format!(
                        "{host} is in a private network and not among the stage's private_hosts"
                    )));
                }
                Reach::Never => {
                    return Err(forbidden(format!("{host} leads to an address that is never reached")));
                }
            }
        }
        let client = client(host, &addresses).map_err(|error| failed(&error))?;
        let started = Instant::now();
        let response = client.get(url).send().await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let (body, cut) = body(response, request.body_limit).await.map_err(|error| failed(&error))?;
        Ok(ProbeAnswer::Answered { status, body, cut, latency: started.elapsed() })
    }

    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, ProbeAnswer> {
        let port = url.port_or_known_default().unwrap_or(443);
        let name = match url.host() {
            Some(Host::Ipv4(address)) => return Ok(vec![SocketAddr::new(address.into(), port)]),
            Some(Host::Ipv6(address)) => return Ok(vec![SocketAddr::new(address.into(), port)]),
            Some(Host::Domain(name)) => name,
            None => return Err(forbidden("the URL names no host".to_owned())),
        };
        match self.resolver.resolve(name, port).await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Ok(_) | Err(_) => Err(ProbeAnswer::Failed { reason: format!("{name} has no address") }),
        }
    }
}

#[async_trait]
impl<R: Resolve> HttpProbe for ReqwestProbe<R> {
    async fn get(&self, request: ProbeRequest<'_>) -> ProbeAnswer {
        match tokio::time::timeout(request.timeout, self.ask(&request)).await {
            Ok(Ok(answer) | Err(answer)) => answer,
            Err(_) => ProbeAnswer::Failed { reason: format!("no answer within {}", shown(request.timeout)) },
        }
    }
}

fn client(host: &str, addresses: &[SocketAddr]) -> Result<Client, reqwest::Error> {
    // A client of its own for each question: the addresses are this question's.
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .resolve_to_addrs(host, addresses)
        .user_agent(concat!("gantry/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn body(mut response: Response, limit: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit - bytes.len();
        if chunk.len() > room {
            bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
            return Ok((bytes, true));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, false))
}

fn forbidden(reason: String) -> ProbeAnswer {
    ProbeAnswer::Forbidden { reason }
}

/// Says what kind of failure it was; the library's own words may repeat the URL with its query.
fn failed(error: &reqwest::Error) -> ProbeAnswer {
    let reason = if error.is_connect() {
        "the connection could not be made"
    } else if error.is_timeout() {
        "the answer took too long"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the request could not be made"
    };
    ProbeAnswer::Failed { reason: reason.to_owned() }
}

fn shown(span: Duration) -> String {
    format!("{} ms", span.as_millis())
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [first, second, third, _] = address.octets();
    let never = address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || (first, second, third) == (192, 0, 0);
    // 100.64/10 is shared by carriers, and by Kubernetes on AWS; 198.18/15 is for measurements.
    let private = address.is_private()
        || address.is_loopback()
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second));
    if never {
        Reach::Never
    } else if private {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    // The metadata service's other address, within what is otherwise merely private.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    if let Some(inner) = inner_v4(address) {
        return reach_v4(inner);
    }
    let first = address.segments()[0];
    let link_local = first & 0xffc0 == 0xfe80;
    let unique_local = first & 0xfe00 == 0xfc00;
    if address == METADATA || link_local || address.is_unspecified() || address.is_multicast() {
        Reach::Never
    } else if address.is_loopback() || unique_local || first & 0xffc0 == 0xfec0 {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 or 6to4.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let low = Ipv4Addr::from((u32::from(g) << 16) | u32::from(h));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(low),
        (0, 0, 0, 0, 0, 0) if u32::from(low) > 1 => Some(low),
        (0x2002, high, low, ..) => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
