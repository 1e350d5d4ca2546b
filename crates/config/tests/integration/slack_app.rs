//! The Slack app that people create from `infra/slack-app.yaml` may do what Gantry calls, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{read, rendered, root};

/// What each method of Slack's Web API asks of a bot token, as Slack documents it.
const NEEDS: [(&str, Option<&str>); 5] = [
    ("auth.test", None),
    ("chat.postEphemeral", Some("chat:write")),
    ("chat.postMessage", Some("chat:write")),
    ("chat.update", Some("chat:write")),
    // A modal comes from a person's click, which is what permits it.
    ("views.open", None),
];

/// Families of Slack's methods, by which they are found in the code.
const FAMILIES: [&str; 10] =
    ["auth", "bots", "chat", "conversations", "files", "reactions", "team", "usergroups", "users", "views"];

fn manifest() -> Value {
    serde_yaml_ng::from_str(&read(&root().join("infra/slack-app.yaml"))).unwrap()
}

/// Methods that the client of Slack names: texts such as `"chat.update"`.
fn called() -> BTreeSet<String> {
    let code = read(&root().join("crates/integrations/src/slack/client.rs"));
    let is_method = |text: &&str| {
        let named = text.split_once('.').filter(|(family, _)| FAMILIES.contains(family));
        named.is_some_and(|(_, rest)| !rest.is_empty() && rest.chars().all(|sign| sign.is_ascii_alphabetic()))
    };
    code.split('"').filter(is_method).map(str::to_owned).collect()
}

#[test]
fn the_slack_app_may_do_exactly_what_is_called() {
    let called = called();
    assert!(called.contains("chat.postMessage") && called.contains("views.open"), "{called:?}");
    let needed: BTreeSet<&str> = called
        .iter()
        .filter_map(|method| {
            let known = NEEDS.iter().find(|(name, _)| name == method);
            known.unwrap_or_else(|| panic!("say in NEEDS which scope {method} needs")).1
        })
        .collect();
    let manifest = manifest();
    let granted = manifest["oauth_config"]["scopes"]["bot"].as_array().unwrap();
    assert_eq!(granted.iter().map(|scope| scope.as_str().unwrap()).collect::<BTreeSet<_>>(), needed);
    assert!(manifest["oauth_config"]["scopes"]["user"].is_null(), "it acts for nobody");
}

#[test]
fn clicks_in_slack_go_to_the_route_that_stands_for_them() {
    let settings = manifest()["settings"].clone();
    assert_eq!(settings["interactivity"]["is_enabled"], true);
    let url = settings["interactivity"]["request_url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://API-ID.execute-api.REGION.amazonaws.com").unwrap();
    let route = &rendered().template["Resources"]["SlackRoute"]["Properties"]["RouteKey"];
    assert_eq!(*route, format!("POST {path}"));
    assert_eq!(settings["socket_mode_enabled"], false, "clicks would come another way");
}

#[test]
fn the_slack_app_keeps_to_slacks_limits() {
    let manifest = manifest();
    let information = &manifest["display_information"];
    assert!(information["name"].as_str().unwrap().chars().count() <= 35);
    assert!(information["description"].as_str().unwrap().chars().count() <= 140);
    assert!(manifest["features"]["bot_user"]["display_name"].as_str().unwrap().chars().count() <= 80);
}
