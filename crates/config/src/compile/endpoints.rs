//! Where checks ask in each stage: base URLs, private hosts, and what a world sets instead.

use std::collections::BTreeMap;

use gantry_domain::names::StageName;
use gantry_domain::pipeline::Check;
use url::Host;

use super::checks::Shared;
use super::components::Components;
use super::{Overrides, urls};
use crate::file::StageTable;
use crate::mistake::{At, Gathered, Place};
use crate::read::{self, UrlText};

/// The hosts in private networks that checks of a stage may reach.
pub(super) fn private_hosts(
    table: &StageTable,
    name: Option<&StageName>,
    overrides: &Overrides,
    mistakes: &mut Gathered,
) -> Vec<String> {
    let mut hosts = Vec::new();
    let written = table.private_hosts.iter().flat_map(|list| list.value.iter());
    let mut all: Vec<(String, Place)> =
        written.map(|host| (host.value.0.clone(), host.place.clone())).collect();
    for host in name.and_then(|name| overrides.private_hosts.get(name.as_str())).into_iter().flatten() {
        all.push((host.clone(), given("private host", name)));
    }
    for (host, place) in all {
        match read::host(&host) {
            Some(parsed) if !urls::is_metadata(&borrowed(&parsed)) => hosts.push(parsed.to_string()),
            Some(_) => mistakes.add(
                &place,
                format!("{host} is a metadata, link-local or unspecified address: never reached"),
            ),
            None => mistakes.add(&place, format!("expected a host, found {host:?}")),
        }
    }
    hosts
}

fn borrowed(host: &Host<String>) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(ip) => Host::Ipv4(*ip),
        Host::Ipv6(ip) => Host::Ipv6(*ip),
    }
}

/// The place of an override.
fn given(what: &str, stage: Option<&StageName>) -> Place {
    let stage = stage.map_or("", StageName::as_str);
    Place { offset: None, path: format!("{what} given for {stage}") }
}

/// The base URLs of one stage, by component.
///
/// `None`: there is one, but it was refused.
pub(super) struct Bases(BTreeMap<String, Option<String>>);

impl Bases {
    /// Checks the written ones and those given instead.
    pub(super) fn read(
        table: &StageTable,
        name: Option<&StageName>,
        components: &Components,
        overrides: &Overrides,
        private_hosts: &[String],
        mistakes: &mut Gathered,
    ) -> Self {
        let given_urls = name.and_then(|name| overrides.base_urls.get(name.as_str()));
        let mut bases = BTreeMap::new();
        let mut add = |component: &str, url: &str, place: &Place, mistakes: &mut Gathered| {
            let base = urls::checked(url, private_hosts).and_then(|checked| match checked.query() {
                None => Ok(url.trim_end_matches('/').to_owned()),
                Some(_) => Err(format!("expected a base URL without a query, found {url:?}")),
            });
            let base = base.map_err(|message| mistakes.add(place, message)).ok();
            bases.insert(component.to_owned(), base);
        };
        for (component, url) in table.urls.iter().flat_map(|entries| &entries.value.0) {
            if let Ok(name) = component.value.parse() {
                components.known(&name, &component.place, mistakes);
            } else {
                mistakes.add(&component.place, format!("{:?} is not a component's name", component.value));
            }
            if given_urls.is_none_or(|given| !given.contains_key(&component.value)) {
                add(&component.value, &url.value.0, &url.place, mistakes);
            }
        }
        for (component, url) in given_urls.into_iter().flatten() {
            add(component, url, &given("base URL", name), mistakes);
        }
        Self(bases)
    }

    /// The whole URL: as it is, or with the component in braces replaced by its base URL. `None`: that one was refused.
    fn whole(&self, stage: &StageName, url: &UrlText) -> Result<Option<String>, String> {
        let Some(rest) = url.0.strip_prefix('{') else { return Ok(Some(url.0.clone())) };
        let Some((component, rest)) = rest.split_once('}') else {
            return Err(format!(
                "expected a component in braces, such as {{backend}}/health, found {:?}",
                url.0
            ));
        };
        if !(rest.is_empty() || rest.starts_with(['/', '?'])) {
            return Err(format!("expected a path after {{{component}}}, found {rest:?}"));
        }
        match self.0.get(component) {
            Some(base) => Ok(base.as_ref().map(|base| format!("{base}{rest}"))),
            None => Err(format!("the stage {stage} has no base URL for {{{component}}} in [stages.urls]")),
        }
    }
}

/// The checks of one stage, with whole URLs.
pub(super) fn checks(
    name: Option<&StageName>,
    checks: &[Shared],
    bases: &Bases,
    private_hosts: &[String],
    mistakes: &mut Gathered,
) -> Option<Vec<Check>> {
    let name = name?;
    let mut built = Vec::new();
    for check in checks.iter().filter(|check| check.applies(name)) {
        let Some(url) = check.url() else {
            built.push(check.at(None));
            continue;
        };
        let whole = bases.whole(name, &url.value);
        let checked = |whole: String| urls::checked(&whole, private_hosts).map(|_| whole);
        match whole.and_then(|whole| whole.map(checked).transpose()) {
            Ok(Some(whole)) => built.push(check.at(Some(whole))),
            Ok(None) => {}
            Err(message) => mistakes.add(&url.place, message),
        }
    }
    Some(built)
}

/// Overrides that reach nothing are mistakes too.
pub(super) fn unknown_overrides(
    tables: &[&At<StageTable>],
    components: &Components,
    overrides: &Overrides,
    mistakes: &mut Gathered,
) {
    let stages: Vec<&str> =
        tables.iter().filter_map(|table| table.value.name.as_ref()).map(|name| name.value.as_str()).collect();
    let names = overrides.base_urls.keys().map(|stage| ("base URL", stage));
    for (what, stage) in names.chain(overrides.private_hosts.keys().map(|stage| ("private host", stage))) {
        if !stages.contains(&stage.as_str()) {
            let place = Place { offset: None, path: format!("{what} given for {stage}") };
            mistakes.add(&place, format!("there is no stage {stage:?}; {}", super::listed(&stages)));
        }
    }
    for (stage, urls) in &overrides.base_urls {
        let place = Place { offset: None, path: format!("base URL given for {stage}") };
        for component in urls.keys() {
            match component.parse() {
                Ok(name) => components.known(&name, &place, mistakes),
                Err(_) => mistakes.add(&place, format!("{component:?} is not a component's name")),
            }
        }
    }
}
