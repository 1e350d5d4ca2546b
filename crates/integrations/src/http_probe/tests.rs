use std::sync::Mutex;

use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Answers with one list of addresses after the other.
struct Names(Mutex<Vec<Vec<SocketAddr>>>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let mut lists = self.0.lock().unwrap();
        let list = if lists.len() > 1 { lists.remove(0) } else { lists[0].clone() };
        Ok(list.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect())
    }
}

fn names(lists: &[&[&str]]) -> ReqwestProbe<Names> {
    let lists =
        lists.iter().map(|list| list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect());
    ReqwestProbe::with_resolver(Names(Mutex::new(lists.collect())))
}

fn request<'a>(url: &'a str, private_hosts: &'a [String]) -> ProbeRequest<'a> {
    ProbeRequest { url, timeout: Duration::from_secs(10), body_limit: 16, private_hosts }
}

async fn get(probe: &impl HttpProbe, url: &str, private_hosts: &[&str]) -> ProbeAnswer {
    let listed: Vec<String> = private_hosts.iter().map(|host| (*host).to_owned()).collect();
    probe.get(request(url, &listed)).await
}

fn is_forbidden(answer: &ProbeAnswer) -> bool {
    matches!(answer, ProbeAnswer::Forbidden { .. })
}

#[tokio::test]
async fn an_endpoint_answers_with_status_body_and_latency() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(503).set_body_string("0123456789");
    Mock::given(path("/health")).respond_with(answer).mount(&server).await;
    let url = format!("{}/health", server.uri());
    let answer = get(&ReqwestProbe::default(), &url, &["127.0.0.1"]).await;
    let ProbeAnswer::Answered { status, body, cut, latency } = answer else { panic!("{answer:?}") };
    assert_eq!((status, &*body, cut), (503, b"0123456789".as_slice(), false));
    assert!(latency > Duration::ZERO);
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(200).set_body_string("x".repeat(50_000)))
        .mount(&server)
        .await;
    let answer = get(&ReqwestProbe::default(), &server.uri(), &["127.0.0.1"]).await;
    let ProbeAnswer::Answered { body, cut, .. } = answer else { panic!("{answer:?}") };
    assert_eq!((body.len(), cut), (16, true));
}

#[tokio::test]
async fn t36_a_redirect_is_an_answer_and_is_not_followed() {
    let server = MockServer::start().await;
    let there = format!("{}/there", server.uri());
    Mock::given(path("/here"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", &*there))
        .mount(&server)
        .await;
    let answer = get(&ReqwestProbe::default(), &format!("{}/here", server.uri()), &["127.0.0.1"]).await;
    assert!(matches!(answer, ProbeAnswer::Answered { status: 302, .. }), "{answer:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn t36_private_hosts_are_reached_only_where_they_are_listed() {
    let server = MockServer::start().await;
    Mock::given(path("/")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let probe = names(&[&["127.0.0.1"]]);
    let url = format!("http://internal.example:{}/", server.address().port());
    assert!(is_forbidden(&get(&probe, &url, &[]).await));
    assert!(is_forbidden(&get(&probe, &url, &["other.example", "example"]).await));
    let answer = get(&probe, &url, &["Internal.Example"]).await;
    assert!(matches!(answer, ProbeAnswer::Answered { status: 200, .. }), "{answer:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn t36_metadata_addresses_are_never_reached_listed_or_not() {
    for address in [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "192.0.0.192",
    ] {
        let answer = get(&names(&[&[address]]), "http://friendly.example/", &["friendly.example"]).await;
        assert!(is_forbidden(&answer), "{address}: {answer:?}");
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let answer = get(&ReqwestProbe::default(), &format!("http://{host}/"), &[&host]).await;
        assert!(is_forbidden(&answer), "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn t36_one_bad_address_among_good_ones_is_enough() {
    let probe = names(&[&["203.0.113.7", "169.254.169.254"]]);
    assert!(is_forbidden(&get(&probe, "https://mixed.example/", &["mixed.example"]).await));
}

#[tokio::test]
async fn t36_spellings_of_addresses_change_nothing() {
    for url in [
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://169.254.169.254./",
        "http://127.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://localhost/",
        "http://user@169.254.169.254/",
        "http://good.example@169.254.169.254/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "not a url",
        "",
    ] {
        let answer = get(&ReqwestProbe::default(), url, &[]).await;
        assert!(is_forbidden(&answer), "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn t36_a_name_that_answers_differently_the_second_time_gains_nothing() {
    let server = MockServer::start().await;
    Mock::given(path("/")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let probe = names(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let url = format!("http://rebinding.example:{}/", server.address().port());
    let answer = get(&probe, &url, &["rebinding.example"]).await;
    assert!(matches!(answer, ProbeAnswer::Answered { status: 200, .. }), "{answer:?}");
    assert!(is_forbidden(&get(&probe, &url, &["rebinding.example"]).await));
}

#[tokio::test]
async fn t36_a_failure_says_nothing_secret() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer =
        get(&ReqwestProbe::default(), &format!("http://{nobody}/?token=canary"), &["127.0.0.1"]).await;
    let ProbeAnswer::Failed { reason } = answer else { panic!("{answer:?}") };
    assert_eq!(reason, "the connection could not be made");
}

#[tokio::test]
async fn silence_is_a_failure() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let listed = ["127.0.0.1".to_owned()];
    let request = ProbeRequest { timeout: Duration::from_millis(50), ..request(&url, &listed) };
    let answer = ReqwestProbe::default().get(request).await;
    assert_eq!(answer, ProbeAnswer::Failed { reason: "no answer within 50 ms".into() });
}

#[test]
fn addresses_are_sorted_into_public_private_and_never() {
    for (address, wanted) in [
        ("8.8.8.8", Reach::Public),
        ("203.0.113.7", Reach::Public),
        ("2600:1f14::1", Reach::Public),
        ("10.0.0.1", Reach::Private),
        ("172.16.0.1", Reach::Private),
        ("192.168.1.1", Reach::Private),
        ("100.64.0.1", Reach::Private),
        ("127.0.0.53", Reach::Private),
        ("198.18.0.1", Reach::Private),
        ("::1", Reach::Private),
        ("fd12:3456::1", Reach::Private),
        ("::ffff:10.0.0.1", Reach::Private),
        ("172.32.0.1", Reach::Public),
        ("100.128.0.1", Reach::Public),
        ("169.253.0.1", Reach::Public),
        ("169.254.0.1", Reach::Never),
        ("240.0.0.1", Reach::Never),
        ("0.1.2.3", Reach::Never),
    ] {
        assert_eq!(reach(address.parse().unwrap()), wanted, "{address}");
    }
}
