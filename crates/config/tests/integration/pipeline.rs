//! What functions get of the example, and the hash that names it.

use gantry_config::{Overrides, parse};
use gantry_domain::pipeline::{CheckKind, Pipeline};

use crate::support::{exchange, minimal};

#[test]
fn the_exchange_has_its_components_waves_and_tasks_in_order() {
    let pipeline = exchange().pipeline;
    let order: Vec<(String, Vec<String>)> = pipeline
        .components
        .iter()
        .map(|component| {
            (component.name.to_string(), component.services().map(ToString::to_string).collect())
        })
        .collect();
    let [backend, client, engine] = &order[..] else { panic!("{order:?}") };
    assert_eq!(backend.1, ["web", "sidekiq", "clockwork", "kafka-consumer"]);
    assert_eq!(client.1, ["exchange-client-web"]);
    assert_eq!(engine.1, ["exchange-engine-app"]);
    assert!(pipeline.components[0].waves.iter().all(|wave| wave.len() == 1));
    assert_eq!(pipeline.components[0].backup.as_ref().unwrap().name.as_str(), "backend-backup");
    assert_eq!(pipeline.components[0].migration.as_ref().unwrap().name.as_str(), "backend-migration");
}

#[test]
fn the_exchange_asks_people_before_production_only() {
    let pipeline = exchange().pipeline;
    let [pre, production] = &pipeline.stages[..] else { panic!("two stages") };
    assert!(pre.approval.is_none());
    assert_eq!(production.approval.as_ref().unwrap().approvers.len(), 2);
    assert_ne!(pre.cluster, production.cluster);
    assert_eq!(
        pre.deploy_role.as_str(),
        "arn:aws:iam::111122223333:role/gantry-exchange-deploy-preproduction"
    );
    assert_eq!(
        production.observe_role.as_str(),
        "arn:aws:iam::111122223333:role/gantry-exchange-observe-production"
    );
}

#[test]
fn a_check_is_only_in_the_stages_it_names() {
    let pipeline = exchange().pipeline;
    let names = |stage: usize| -> Vec<String> {
        pipeline.stages[stage].checks.iter().map(|check| check.name.to_string()).collect()
    };
    assert_eq!(names(0), ["backend-health", "client-health", "engine-metrics", "acceptance"]);
    assert_eq!(names(1), ["backend-health", "client-health", "engine-metrics", "acceptance-readonly"]);
    let tasks = |stage: usize| {
        pipeline.stages[stage].checks.iter().filter(|check| matches!(check.kind, CheckKind::Task(_))).count()
    };
    assert_eq!((tasks(0), tasks(1)), (1, 1));
}

#[test]
fn functions_read_back_what_was_compiled() {
    let pipeline = exchange().pipeline;
    let text = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&text).unwrap(), pipeline);
}

#[test]
fn the_hash_follows_the_meaning_and_not_the_writing() {
    let hash = |text: &str| parse("x.toml", text, &Overrides::default()).unwrap().pipeline.hash;
    let plain = hash(&minimal("web", "web"));
    assert_eq!(plain, hash(&minimal("# Nothing", "# Not a thing")));
    assert_eq!(plain, hash(&minimal("task_roles = []", "wave_timeout = \"900s\"\ntask_roles = []")));
    assert_ne!(plain, hash(&minimal("task_roles = []", "wave_timeout = \"901s\"\ntask_roles = []")));
    assert_ne!(plain, hash(&minimal("cluster = \"live\"", "cluster = \"other\"")));
}

#[test]
fn tasks_run_in_their_own_family_or_their_services() {
    let configuration = exchange();
    let grants = &configuration.grants[&configuration.pipeline.stages[1].name];
    let families: Vec<&str> = grants.task_families.iter().map(String::as_str).collect();
    assert_eq!(
        families,
        [
            "exchange-prod2-web",
            "exchange-prod2-web-acceptance-readonly",
            "exchange-prod2-web-backend-backup",
            "exchange-prod2-web-backend-migration",
        ]
    );
}

#[test]
fn logs_are_read_from_the_services_groups_or_from_none() {
    let groups = |text: &str| {
        let grants = parse("x.toml", text, &Overrides::default()).unwrap().grants;
        grants.values().next().unwrap().log_groups.iter().cloned().collect::<Vec<_>>()
    };
    let with =
        |groups: &str| minimal("task_roles = []", &format!("log_groups = {groups:?}\ntask_roles = []"));
    assert_eq!(groups(&minimal("web", "web")), ["/ecs/web"]);
    assert_eq!(groups(&with("/shop/{service}/live")), ["/shop/web/live"]);
    assert_eq!(groups(&with("/shop")), ["/shop"]);
    assert_eq!(groups(&with("")), [""; 0]);
}
