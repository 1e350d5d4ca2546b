//! One file serves several worlds: base URLs and private hosts can be given from outside, checked alike.

use std::collections::BTreeMap;

use gantry_config::{Overrides, load};
use gantry_domain::pipeline::{CheckKind, Pipeline};

use crate::support::{exchange, root};

fn given(stage: &str, component: &str, url: &str, host: Option<&str>) -> Overrides {
    let one = |key: &str, value: String| BTreeMap::from([(key.to_owned(), value)]);
    Overrides {
        base_urls: BTreeMap::from([(stage.to_owned(), one(component, url.to_owned()))]),
        private_hosts: host
            .map(|host| BTreeMap::from([(stage.to_owned(), vec![host.to_owned()])]))
            .unwrap_or_default(),
    }
}

fn with(overrides: &Overrides) -> Result<Pipeline, String> {
    let path = root().join("examples/exchange/gantry.toml");
    load(&path, overrides).map(|it| it.pipeline).map_err(|error| error.to_string())
}

fn urls(pipeline: &Pipeline, stage: usize) -> Vec<&str> {
    let checks = pipeline.stages[stage].checks.iter();
    let http = checks.filter_map(|check| match &check.kind {
        CheckKind::Http(http) => Some(http.url.as_str()),
        CheckKind::Task(_) => None,
    });
    http.collect()
}

#[test]
fn a_base_url_replaces_the_one_of_its_stage_and_component_only() {
    let plain = exchange().pipeline;
    let overrides = given("preproduction", "backend", "http://127.0.0.1:9/web/", Some("127.0.0.1"));
    let changed = with(&overrides).unwrap();
    assert_eq!(urls(&changed, 0)[0], "http://127.0.0.1:9/web/health");
    assert_eq!(urls(&changed, 0)[1..], urls(&plain, 0)[1..]);
    assert_eq!(urls(&changed, 1), urls(&plain, 1));
    assert!(changed.stages[0].private_hosts.contains(&"127.0.0.1".to_owned()));
    assert_ne!(changed.hash, plain.hash);
}

#[test]
fn a_private_host_is_kept_as_urls_spell_it() {
    let overrides = given("production", "backend", "http://[::1]:9/", Some("::1"));
    assert!(with(&overrides).unwrap().stages[1].private_hosts.contains(&"[::1]".to_owned()));
}

#[test]
fn t36_what_is_given_is_checked_like_what_is_written() {
    for (overrides, expected) in [
        (given("preproduction", "backend", "http://127.0.0.1:9", None), "the host 127.0.0.1 is private"),
        (given("preproduction", "backend", "http://169.254.169.254", Some("169.254.169.254")), "metadata"),
        (given("staging", "backend", "https://x.example", None), "there is no stage \"staging\""),
        (given("production", "frontend", "https://x.example", None), "there is no component \"frontend\""),
        (given("production", "backend", "https://x.example/?a=1", None), "without a query"),
    ] {
        let error = with(&overrides).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
