//! Drafts of clusters, and what the configuration's own reader says of them.

use gantry_config::Overrides;

use super::text::FILL_IN;
use super::*;

const REGISTRY: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com/";

fn home() -> Home {
    Home { account: "111122223333".to_owned(), region: "us-west-2".to_owned() }
}

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn container(name: &str, image: &str) -> LiveContainer {
    LiveContainer {
        name: name.parse().unwrap(),
        image: image.to_owned(),
        essential: true,
        log_group: Some(format!("/ecs/{name}")),
    }
}

/// A service of one container that is named like it.
fn service(text: &str, image: &str) -> LiveService {
    LiveService {
        name: name(text),
        controller: Controller::Ecs,
        balanced: Vec::new(),
        rolls_back: true,
        desired_count: 1,
        definition: Some(LiveDefinition {
            family: format!("shop-{text}"),
            containers: vec![container(text, image)],
            roles: vec![RoleArn::new("arn:aws:iam::111122223333:role/shop-task").unwrap()],
        }),
    }
}

fn own(text: &str, repository: &str) -> LiveService {
    service(text, &format!("{REGISTRY}{repository}:sha-4f2a9c1"))
}

fn balanced(text: &str, repository: &str) -> LiveService {
    LiveService { balanced: vec![text.to_owned()], ..own(text, repository) }
}

fn seen(stage: &str, cluster: &str, services: Vec<LiveService>) -> Seen {
    Seen { stage: stage.parse().unwrap(), cluster: cluster.parse().unwrap(), services }
}

/// The same services in both stages.
fn twice(services: &[LiveService]) -> [Seen; 2] {
    [
        seen("preproduction", "shop-preprod", services.to_vec()),
        seen("production", "shop-prod", services.to_vec()),
    ]
}

fn drafted(services: &[LiveService]) -> Draft {
    draft(home(), &twice(services), &[]).unwrap()
}

fn shape(draft: &Draft) -> Vec<(String, Vec<&str>)> {
    let shape = draft.components.iter().map(|component| {
        let services = component.services.iter().map(|service| service.name.as_str()).collect();
        (component.name.clone(), services)
    });
    shape.collect()
}

fn filled(text: &str) -> String {
    text.replace("repository = \"<fill in>\"", "repository = \"shop/monorepo\"")
        .replace("team = \"<fill in>\"", "team = \"T0SHOP\"")
        .replace("app = \"<fill in>\"", "app = \"A0SHOP\"")
        .replace("channel = \"<fill in>\"", "channel = \"C0SHOP\"")
        .replace("paths = [\"<fill in>\"]", "paths = [\"**\"]")
        .replace("approvers = [\"<fill in>\"]", "approvers = [\"U0ADA\"]")
}

#[test]
fn services_of_one_repository_are_a_component_and_balanced_ones_go_first() {
    let draft = drafted(&[
        own("clock", "shop-api-012345a"),
        balanced("web", "shop-api-012345a"),
        own("mailer", "shop-mail"),
        balanced("zoo", "shop-zoo"),
    ]);
    assert_eq!(
        shape(&draft),
        [
            ("api".to_owned(), vec!["web", "clock"]),
            ("zoo".to_owned(), vec!["zoo"]),
            ("mail".to_owned(), vec!["mailer"]),
        ]
    );
    assert_eq!(draft.pipeline, "shop");
    assert_eq!(draft.left_out, []);
}

#[test]
fn validation_names_every_place_that_is_left_and_nothing_else() {
    let text = drafted(&[balanced("web", "shop-api"), own("mailer", "shop-mail")]).to_string();
    let mistakes = gantry_config::parse("gantry.toml", &text, &Overrides::default()).unwrap_err().mistakes;
    let lines: Vec<&str> = text.lines().collect();
    for mistake in &mistakes {
        let line = lines[mistake.position.unwrap().line - 1];
        assert!(line.contains(FILL_IN), "{mistake:?} at {line}");
    }
    let paths: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "pipeline.repository",
            "slack.team",
            "slack.app",
            "slack.channel",
            "components[0].paths[0]",
            "components[1].paths[0]",
            "stages[1].approval.approvers[0]",
        ]
    );
    let configuration = gantry_config::parse("gantry.toml", &filled(&text), &Overrides::default()).unwrap();
    let families: Vec<&str> =
        configuration.grants.values().next().unwrap().families.values().map(String::as_str).collect();
    assert_eq!(families, ["shop-mailer", "shop-web"]);
    assert!(configuration.pipeline.stages[0].approval.is_none());
}

#[test]
fn what_is_no_image_of_the_registry_is_left_out_with_its_reason() {
    let draft =
        drafted(&[own("web", "shop"), service("redis", "public.ecr.aws/docker/library/redis:8\n[x]")]);
    assert_eq!(shape(&draft), [("shop".to_owned(), vec!["web"])]);
    assert_eq!(draft.left_out.len(), 1);
    let text = draft.to_string();
    assert!(text.contains("#   redis runs no image from"), "{text}");
    assert!(!text.contains("\n[x]"), "an image's name must not become a line of its own");
    gantry_config::parse("gantry.toml", &filled(&text), &Overrides::default()).unwrap();
}

#[test]
fn an_agent_from_the_same_registry_does_not_take_the_service() {
    let mut web = own("web", "shop-api");
    let containers = &mut web.definition.as_mut().unwrap().containers;
    containers.insert(0, container("agent", &format!("{REGISTRY}mirror/agent@sha256:00")));
    let mut app = balanced("front", "shop-front");
    app.balanced = vec!["app".to_owned()];
    let containers = &mut app.definition.as_mut().unwrap().containers;
    containers.insert(0, container("front", &format!("{REGISTRY}mirror/proxy:1")));
    containers[1].name = "app".parse().unwrap();
    let draft = drafted(&[web, app]);
    assert_eq!(shape(&draft), [("front".to_owned(), vec!["front"]), ("api".to_owned(), vec!["web"])]);
    let member = &draft.components[1].services[0];
    assert_eq!((member.replaced.as_slice(), member.kept.len()), (["web".to_owned()].as_slice(), 1));
}

#[test]
fn who_else_deploys_a_service_is_refused_until_it_is_left_out() {
    let mut blue = own("blue", "shop");
    blue.controller = Controller::Other("CODE_DEPLOY".to_owned());
    let seen = twice(&[own("web", "shop"), blue]);
    let refused = draft(home(), &seen, &[]).unwrap_err().to_string();
    assert!(refused.starts_with("blue in shop-preprod is deployed by CODE_DEPLOY"), "{refused}");
    assert!(refused.ends_with("--without blue"), "{refused}");
    let draft = draft(home(), &seen, &[name("blue")]).unwrap();
    assert_eq!(shape(&draft), [("shop".to_owned(), vec!["web"])]);
}

#[test]
fn a_service_must_be_in_every_stage_with_the_same_repository() {
    let there = [
        seen(
            "preproduction",
            "shop-preprod",
            vec![own("web", "shop"), own("old", "shop"), own("api", "shop")],
        ),
        seen("production", "shop-prod", vec![own("web", "shop"), own("api", "shop-live")]),
    ];
    let draft = draft(home(), &there, &[]).unwrap();
    let reasons: Vec<String> =
        draft.left_out.iter().map(|one| format!("{} {}", one.service, one.reason)).collect();
    assert_eq!(
        reasons,
        [
            "api runs images of shop in shop-preprod and of shop-live in shop-prod, and Gantry takes one and the same \
             image through every stage",
            "old is not in shop-prod, and a release passes every stage",
        ]
    );
}

#[test]
fn nothing_to_release_is_no_draft() {
    let error = draft(home(), &twice(&[service("redis", "redis:8")]), &[]).unwrap_err().to_string();
    assert!(error.starts_with("no service can be released\n  redis: runs no image from"), "{error}");
    let error = draft(home(), &twice(&[own("web", "shop")]), &[name("wbe")]).unwrap_err();
    assert_eq!(error, DraftError::NoSuchService(name("wbe")));
}

#[test]
fn families_without_a_pattern_are_left_to_a_person_with_their_names() {
    let mut web = own("web", "shop");
    web.definition.as_mut().unwrap().family = "frontend".to_owned();
    let text = drafted(&[web, own("mailer", "shop")]).to_string();
    assert!(text.contains("#   web: frontend\n#   mailer: shop-mailer\nfamilies = \"<fill in>\""), "{text}");
}
