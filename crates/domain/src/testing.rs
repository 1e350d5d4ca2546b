//! The Exchange monorepo as a compiled pipeline, for tests. The real one is `examples/exchange/gantry.toml`.
#![expect(clippy::expect_used, reason = "a fixture that does not parse should stop the test")]

use serde_json::{Value, json};

use crate::pipeline::Pipeline;

/// Three components, six services, pre-production and production behind an approval.
pub fn exchange() -> Pipeline {
    let task = |name: &str, command: &[&str]| {
        json!({"name": name, "service": "web", "image": {"component": "backend"}, "container": null,
               "command": command, "timeout": {"secs": 900, "nanos": 0}})
    };
    let component = |name: &str, repository: &str, waves: Value, backup: Value, migration: Value| {
        json!({"name": name, "repository": repository, "paths": [format!("{name}/**")],
               "workflows": [format!(".github/workflows/{name}.yml")], "containers": [], "base": "service",
               "waves": waves, "backup": backup, "migration": migration})
    };
    let stage = |name: &str, cluster: &str, approval: Value| {
        json!({"name": name, "account": "111122223333", "region": "us-west-2", "cluster": cluster,
               "deploy_role": format!("arn:aws:iam::111122223333:role/gantry-exchange-deploy-{name}"),
               "observe_role": format!("arn:aws:iam::111122223333:role/gantry-exchange-observe-{name}"),
               "wave_timeout": {"secs": 1200, "nanos": 0},
               "checks": [
                   {"name": "backend-health", "after": "backend", "kind": {"http": {
                       "url": format!("https://{name}.exchange.example/health"), "status": 200,
                       "json": [{"pointer": "/status", "equals": "ok"}], "version": null,
                       "latency_budget": {"secs": 2, "nanos": 0}, "samples": 3, "attempts": 10,
                       "interval": {"secs": 5, "nanos": 0}}}},
                   {"name": "acceptance", "after": null, "kind": {"task": task("acceptance", &["bin/acceptance"])}},
               ],
               "private_hosts": [], "approval": approval})
    };
    serde_json::from_value(json!({
        "name": "exchange",
        "hash": "c".repeat(64),
        "source": {"repository": "exchange/exchange", "branch": "main", "ignored_paths": ["**/*.md"]},
        "components": [
            component("backend", "exchange-backend-f899186",
                json!([["web"], ["sidekiq"], ["clockwork"], ["kafka-consumer"]]),
                task("backup", &["bin/backup"]), task("migrate", &["bin/rails", "db:migrate"])),
            component("client", "exchange-client-59deea6", json!([["exchange-client-web"]]), Value::Null, Value::Null),
            component("engine", "exchange-engine-0480f75", json!([["exchange-engine-app"]]), Value::Null, Value::Null),
        ],
        "stages": [
            stage("preproduction", "exchange-base-cluster-preprod2", Value::Null),
            stage("production", "exchange-base-cluster-prod2",
                json!({"approvers": ["U0LEAD", "U0QA"], "expires_after": {"secs": 86400, "nanos": 0}})),
        ],
        "slack": {"team": "T0EXCHANGE", "app": "A0GANTRY", "channel": "C0RELEASES"},
    }))
    .expect("the Exchange fixture is a pipeline")
}
