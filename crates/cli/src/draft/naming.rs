//! Names from the names of repositories: `exchange-backend-f899186` beside `exchange-client-59deea6` is the `backend` of
//! the `exchange`. A guess, and the file says so.

use std::collections::BTreeSet;

use gantry_domain::names::{ComponentName, PipelineName, RepositoryName};

/// A digest's beginning, such as CDK and Copilot put behind names, has at least so many digits.
const SUFFIX: usize = 6;

/// What all repositories begin with, or what the only one begins with.
pub(super) fn pipeline(repositories: &[&RepositoryName]) -> String {
    let all: Vec<Vec<String>> = repositories.iter().map(|repository| words(repository)).collect();
    let Some(first) = all.first() else { return "pipeline".to_owned() };
    let shared = if all.len() == 1 { 1 } else { shared(&all) };
    // As many words as fit.
    let fitting = (1..=shared).rev().filter_map(|count| first.get(..count));
    let name = fitting.map(|words| words.join("-")).find(|name| PipelineName::new(name.as_str()).is_ok());
    name.unwrap_or_else(|| "pipeline".to_owned())
}

/// A name for each, all different.
pub(super) fn components(repositories: &[&RepositoryName]) -> Vec<String> {
    let all: Vec<Vec<String>> = repositories.iter().map(|repository| words(repository)).collect();
    let shared = if all.len() == 1 { 0 } else { shared(&all) };
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for (index, words) in all.iter().enumerate() {
        let short = words.get(shared..).unwrap_or_default().join("-");
        let whole = words.join("-");
        let numbered = format!("component-{}", index + 1);
        let free = |name: &String| ComponentName::new(name.as_str()).is_ok() && !taken.contains(name);
        let name = [short, whole].into_iter().find(free).unwrap_or(numbered);
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// The words of a name, without a digest at its end.
fn words(repository: &RepositoryName) -> Vec<String> {
    let mut words: Vec<String> = repository
        .as_str()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let is_suffix = |word: &String| {
        word.len() >= SUFFIX
            && word.bytes().all(|b| b.is_ascii_hexdigit())
            && word.bytes().any(|b| b.is_ascii_digit())
    };
    if words.len() > 1 && words.last().is_some_and(is_suffix) {
        words.pop();
    }
    words
}

/// How many words all begin with, of which each has at least one more.
fn shared(all: &[Vec<String>]) -> usize {
    let shortest = all.iter().map(Vec::len).min().unwrap_or_default().saturating_sub(1);
    let same = |index: &usize| all.windows(2).all(|pair| pair[0].get(*index) == pair[1].get(*index));
    (0..shortest).take_while(same).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(repositories: &[&str]) -> (String, Vec<String>) {
        let names: Vec<RepositoryName> =
            repositories.iter().map(|name| RepositoryName::new(*name).unwrap()).collect();
        let names: Vec<&RepositoryName> = names.iter().collect();
        (pipeline(&names), components(&names))
    }

    #[test]
    fn names_are_what_repositories_do_not_share() {
        let table: [(&[&str], &str, &[&str]); 7] = [
            (
                &["exchange-backend-f899186", "exchange-client-59deea6", "exchange-engine-0480f75"],
                "exchange",
                &["backend", "client", "engine"],
            ),
            (&["shop-web"], "shop", &["shop-web"]),
            (&["team/shop/api", "team/shop/worker_pool"], "team-shop", &["api", "worker-pool"]),
            (&["shop", "shop-worker"], "pipeline", &["shop", "shop-worker"]),
            // Only words of digits and letters from a to f that hold a digit are no words of a person.
            (&["shop-facade", "shop-deadbeef1"], "pipeline", &["shop-facade", "shop"]),
            (&["shop/api-012345a", "shop/api-012345b"], "shop", &["api", "shop-api"]),
            (&["9lives/1st", "9lives/2nd"], "pipeline", &["component-1", "component-2"]),
        ];
        for (repositories, pipeline, components) in table {
            let (name, names) = named(repositories);
            assert_eq!(name, pipeline, "{repositories:?}");
            assert_eq!(names, components, "{repositories:?}");
        }
    }

    #[test]
    fn three_of_one_name_are_still_told_apart() {
        let (_, names) = named(&["shop/api-012345a", "shop/api-012345b", "shop/api-012345c"]);
        assert_eq!(names, ["api", "shop-api", "component-3"]);
    }
}
