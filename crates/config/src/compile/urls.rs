//! URLs that checks may ask (T36): no credentials, never metadata or link-local addresses, private hosts only when listed.
//!
//! This judges the text. Where a name leads when it is resolved is judged again by the function that asks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Names under which clouds answer with credentials.
const METADATA_NAMES: [&str; 4] =
    ["metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"];

/// Is this URL one that a check may ask? Otherwise what was expected.
pub(super) fn checked(text: &str, private_hosts: &[String]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("expected a URL: {error}"))?;
    let refuse = |expected: &str| Err(format!("expected {expected}, found {:?}", without_credentials(&url)));
    let Some(host) = url.host() else { return refuse("a URL with a host") };
    if !["https", "http"].contains(&url.scheme()) {
        return refuse("a URL with https (or http, for a private host)");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("a URL without credentials");
    }
    if url.fragment().is_some() {
        return refuse("a URL without a fragment");
    }
    if is_metadata(&host) {
        return refuse("a host that is no metadata, link-local or unspecified address");
    }
    let listed = private_hosts.contains(&host.to_string());
    if is_private(&host) && !listed {
        return Err(format!("the host {host} is private; list it in private_hosts if checks may reach it"));
    }
    if url.scheme() == "http" && !listed {
        return refuse("https; http is accepted for hosts in private_hosts");
    }
    Ok(url)
}

/// Addresses that no check reaches, whatever is listed.
pub(super) fn is_metadata(host: &Host<&str>) -> bool {
    match address(host) {
        Some(IpAddr::V4(ip)) => never_v4(ip),
        Some(IpAddr::V6(ip)) => {
            // fd00:ec2:: holds the metadata and credential services of EC2 and ECS.
            ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                || ip.segments().starts_with(&[0xfd00, 0x0ec2])
        }
        None => matches!(host, Host::Domain(name) if METADATA_NAMES.contains(&name.trim_end_matches('.'))),
    }
}

fn never_v4(ip: Ipv4Addr) -> bool {
    ip.is_link_local() || ip.is_broadcast() || ip.is_multicast() || ip.octets()[0] == 0
}

fn is_private(host: &Host<&str>) -> bool {
    match address(host) {
        Some(IpAddr::V4(ip)) => {
            let [first, second, ..] = ip.octets();
            ip.is_private() || ip.is_loopback() || (first == 100 && (64..128).contains(&second))
        }
        Some(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        None => match host {
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                !name.contains('.')
                    || [".localhost", ".local", ".internal"].iter().any(|end| name.ends_with(end))
            }
            Host::Ipv4(_) | Host::Ipv6(_) => false,
        },
    }
}

/// The address a host literally is, looking through the ways IPv6 embeds IPv4.
fn address(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => Some(embedded(*ip).map_or(IpAddr::V6(*ip), IpAddr::V4)),
    }
}

/// IPv4-mapped (`::ffff:a.b.c.d`) and NAT64 (`64:ff9b::a.b.c.d`) addresses.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b] = ip.segments();
    let nat64 = ip.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]);
    let [a, b] = [a.to_be_bytes(), b.to_be_bytes()];
    ip.to_ipv4_mapped().or_else(|| nat64.then(|| Ipv4Addr::new(a[0], a[1], b[0], b[1])))
}

fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    // Neither can fail for a URL with a host; others have no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t36_metadata_and_link_local_addresses_are_refused_in_every_spelling() {
        let listed: Vec<String> =
            ["169.254.169.254", "[fd00:ec2::254]", "metadata"].map(str::to_owned).into();
        for url in [
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.170.2/v2/credentials",
            "http://2852039166/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://[::ffff:169.254.169.254]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://0.0.0.0/",
            "http://0/",
            "http://[::]/",
            "http://metadata/",
            "http://metadata.google.internal/",
            "http://metadata.google.internal./",
            "https://ＭＥＴＡＤＡＴＡ/",
        ] {
            let error = checked(url, &listed).unwrap_err();
            assert!(error.contains("no metadata"), "{url}: {error}");
        }
    }

    #[test]
    fn t36_private_hosts_must_be_listed() {
        for (url, host) in [
            ("http://127.0.0.1:8080/health", "127.0.0.1"),
            ("http://10.0.0.7/", "10.0.0.7"),
            ("http://172.16.3.4/", "172.16.3.4"),
            ("http://192.168.1.1/", "192.168.1.1"),
            ("http://100.64.0.1/", "100.64.0.1"),
            ("http://[::1]/", "[::1]"),
            ("http://[fd12::1]/", "[fd12::1]"),
            ("http://localhost/", "localhost"),
            ("http://web/", "web"),
            ("http://web.exchange.internal/", "web.exchange.internal"),
            ("http://2130706433/", "127.0.0.1"),
        ] {
            let error = checked(url, &[]).unwrap_err();
            assert!(error.contains("is private"), "{url}: {error}");
            assert!(checked(url, &[host.to_owned()]).is_ok(), "{url}");
        }
    }

    #[test]
    fn t36_credentials_other_schemes_and_plain_public_http_are_refused() {
        for url in [
            "https://user@example.com/",
            "https://user:secret@example.com/",
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "https://example.com/#x",
            "example.com",
            "",
        ] {
            let error = checked(url, &[]).unwrap_err();
            assert!(!error.contains("secret@") || !url.contains("secret"), "{error}");
        }
        assert!(checked("https://example.com/health?full=1", &[]).is_ok());
    }
}
