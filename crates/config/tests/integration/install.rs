//! `docs/install.md` is held to the template, the Makefile and what the functions listen to.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{read, rendered, root};

fn page() -> String {
    read(&root().join("docs/install.md"))
}

/// Physical names of a kind of resource, with the pipeline's name in them.
fn names(kind: &str, property: &str) -> BTreeSet<String> {
    let template = rendered().template;
    let resources = template["Resources"].as_object().unwrap();
    let of_kind = resources.values().filter(|resource| resource["Type"] == kind);
    let name = |resource: &Value| resource["Properties"][property]["Fn::Sub"].as_str().map(str::to_owned);
    of_kind.filter_map(name).map(|name| name.replace("${Pipeline}", "exchange")).collect()
}

/// What stands between backticks.
fn quoted(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter(|line| !line.starts_with("```"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Lines of the page's shell examples.
fn commands(page: &str) -> Vec<&str> {
    page.split("```sh\n")
        .skip(1)
        .flat_map(|block| block.split("```").next().unwrap_or_default().lines())
        .collect()
}

#[test]
fn each_secret_of_the_template_is_told_and_no_other() {
    let page = page();
    let told: BTreeSet<String> = quoted(&page)
        .into_iter()
        .filter(|text| text.starts_with("gantry/exchange/"))
        .map(str::to_owned)
        .collect();
    assert_eq!(told, names("AWS::SecretsManager::Secret", "Name"));
}

#[test]
fn each_table_that_is_kept_is_deleted_by_a_command() {
    let page = page();
    let deleted: BTreeSet<String> = commands(&page)
        .into_iter()
        .filter_map(|line| line.split_once("delete-table").and_then(|_| line.rsplit(' ').next()))
        .map(str::to_owned)
        .collect();
    assert_eq!(deleted, names("AWS::DynamoDB::Table", "TableName"));
}

#[test]
fn the_doors_are_those_of_the_api() {
    let template = rendered().template;
    let page = page();
    for route in ["SlackRoute", "GitHubRoute"] {
        let key = template["Resources"][route]["Properties"]["RouteKey"].as_str().unwrap();
        let path = key.strip_prefix("POST ").unwrap();
        assert!(quoted(&page).contains(path), "{path} is not told");
    }
}

#[test]
fn the_events_to_choose_are_those_that_are_understood() {
    let code = read(&root().join("crates/integrations/src/github/payload.rs"));
    let page = page();
    let line = page.lines().find(|line| line.contains("| Events |")).unwrap();
    let chosen = quoted(line);
    assert_eq!(chosen, BTreeSet::from(["push", "workflow_run"]));
    for event in chosen {
        assert!(code.contains(&format!("\"{event}\" => ")), "{event} is not read");
    }
}

#[test]
fn each_make_target_and_script_option_exists() {
    let page = page();
    let makefile = read(&root().join("Makefile"));
    let options = read(&root().join("scripts/deploy.py"));
    let mut targets = 0;
    for line in commands(&page) {
        let Some(rest) = line.strip_prefix("make ") else { continue };
        let target = rest.split(' ').next().unwrap_or_default();
        assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}:"))), "make {target}");
        for option in rest.split([' ', '"']).filter(|word| word.starts_with("--")) {
            assert!(options.contains(&format!("add(\"{option}\"")), "{option} in {line}");
        }
        targets += 1;
    }
    assert!(targets >= 3, "the page shows no commands");
}
