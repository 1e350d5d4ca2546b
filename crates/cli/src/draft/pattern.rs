//! What the names of one stage's families and log groups have in common, as the configuration writes it.

/// A service's name and what is named after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) service: String,
    pub(crate) family: String,
    pub(crate) log_group: Option<String>,
}

/// A pattern with `{service}` that makes every service's family.
pub(super) fn families(named: &[Named]) -> Option<String> {
    common(named.iter().map(|one| with(&one.family, &one.service, "{service}")))
}

/// A pattern with or without `{family}` or `{service}` that makes every service's log group. `None` also where one has none.
pub(super) fn log_groups(named: &[Named]) -> Option<String> {
    common(named.iter().map(|one| {
        let Some(group) = &one.log_group else { return Vec::new() };
        let mut all = with(group, &one.family, "{family}");
        all.extend(with(group, &one.service, "{service}"));
        all.push(group.clone());
        all
    }))
}

/// The text with a variable in one place where the part stands, for every such place.
fn with(text: &str, part: &str, variable: &str) -> Vec<String> {
    let places = text.match_indices(part);
    places
        .filter_map(|(at, _)| Some(format!("{}{variable}{}", text.get(..at)?, text.get(at + part.len()..)?)))
        .collect()
}

/// The first of the first that is among all others.
fn common(mut each: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let first = each.next()?;
    let others: Vec<Vec<String>> = each.collect();
    first.into_iter().find(|one| others.iter().all(|other| other.contains(one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(rows: &[(&str, &str, Option<&str>)]) -> Vec<Named> {
        let one = |(service, family, group): &(&str, &str, Option<&str>)| Named {
            service: (*service).to_owned(),
            family: (*family).to_owned(),
            log_group: group.map(str::to_owned),
        };
        rows.iter().map(one).collect()
    }

    #[test]
    fn a_pattern_holds_for_every_service_or_there_is_none() {
        let stage = named(&[
            ("web", "shop-web-web", Some("/ecs/shop-web-web")),
            ("worker", "shop-web-worker", Some("/ecs/shop-web-worker")),
        ]);
        assert_eq!(families(&stage).as_deref(), Some("shop-web-{service}"));
        assert_eq!(log_groups(&stage).as_deref(), Some("/ecs/{family}"));

        let by_service =
            named(&[("web", "w1", Some("/logs/web/app")), ("worker", "w2", Some("/logs/worker/app"))]);
        assert_eq!(families(&by_service), None);
        assert_eq!(log_groups(&by_service).as_deref(), Some("/logs/{service}/app"));

        let one_group = named(&[("web", "web", Some("/shop")), ("worker", "worker", Some("/shop"))]);
        assert_eq!(families(&one_group).as_deref(), Some("{service}"));
        assert_eq!(log_groups(&one_group).as_deref(), Some("/shop"));

        let without = named(&[("web", "web", Some("/ecs/web")), ("worker", "worker", None)]);
        assert_eq!(log_groups(&without), None);
    }
}
