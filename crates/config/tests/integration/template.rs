//! The rendered template: complete, consistent with the state machines, and free of what does not belong there.

use std::collections::{BTreeMap, BTreeSet};

use gantry_config::{Overrides, RenderError, RenderOptions, parse, render};
use serde_json::Value;

use crate::support::{exchange, minimal, read, rendered, root};

fn resources(template: &Value) -> BTreeMap<String, Value> {
    serde_json::from_value(template["Resources"].clone()).unwrap()
}

fn of_type(template: &Value, kind: &str) -> BTreeMap<String, Value> {
    resources(template).into_iter().filter(|(_, resource)| resource["Type"] == kind).collect()
}

/// Every object in a value.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(fields) => {
            found.push(fields);
            fields.values().for_each(|field| objects(field, found));
        }
        Value::Array(values) => values.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

#[test]
fn nothing_is_left_to_fill_in() {
    let text = rendered().template.to_string();
    assert!(!text.contains("Gantry::"), "a marked value was not filled in");
}

#[test]
fn each_function_has_its_package_role_log_and_place() {
    let template = rendered().template;
    let functions = of_type(&template, "AWS::Serverless::Function");
    let packages: BTreeSet<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut deployed = BTreeSet::new();
    for (id, function) in &functions {
        let properties = &function["Properties"];
        let code = properties["CodeUri"].as_str().unwrap();
        let name = code.strip_prefix("../target/package/").unwrap().strip_suffix(".zip").unwrap().to_owned();
        assert_eq!(properties["FunctionName"]["Fn::Sub"], format!("gantry-${{Pipeline}}-{name}"), "{id}");
        let stem = id.strip_suffix("Function").unwrap();
        assert_eq!(properties["Role"]["Fn::GetAtt"][0], format!("{stem}Role"), "{id}");
        assert_eq!(properties["LoggingConfig"]["LogGroup"]["Ref"], format!("{stem}Logs"), "{id}");
        let logs = &template["Resources"][format!("{stem}Logs")]["Properties"];
        assert!(!logs["RetentionInDays"].is_null(), "{id}");
        deployed.insert(name);
    }
    assert_eq!(deployed, packages);
}

#[test]
fn t09_functions_that_write_to_a_stage_end_within_thirty_seconds() {
    let template = rendered().template;
    for id in ["StartDeploymentsFunction", "StartTaskFunction"] {
        assert!(template["Resources"][id]["Properties"]["Timeout"].as_u64().unwrap() <= 30, "{id}");
    }
}

/// Names in `${…}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect()
}

#[test]
fn each_placeholder_of_a_machine_is_substituted_and_nothing_else_is() {
    let template = rendered().template;
    let machines = of_type(&template, "AWS::Serverless::StateMachine");
    assert_eq!(machines.len(), 2);
    for (id, machine) in machines {
        let uri = machine["Properties"]["DefinitionUri"].as_str().unwrap();
        let definition = read(&root().join("infra").join(uri));
        let given: BTreeSet<String> =
            machine["Properties"]["DefinitionSubstitutions"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(placeholders(&definition), given, "{id}");
    }
}

#[test]
fn a_machine_may_invoke_exactly_what_it_names() {
    let template = rendered().template;
    for machine in ["Release", "Rollout"] {
        let properties = &template["Resources"][format!("{machine}Machine")]["Properties"];
        let named: BTreeSet<String> = properties["DefinitionSubstitutions"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(|value| value["Fn::GetAtt"][0].as_str().map(str::to_owned))
            .collect();
        let role = &template["Resources"][format!("{machine}MachineRole")]["Properties"];
        let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
        let invoke =
            statements.iter().find(|statement| statement["Action"] == "lambda:InvokeFunction").unwrap();
        let granted: BTreeSet<String> = invoke["Resource"]
            .as_array()
            .unwrap()
            .iter()
            .map(|resource| resource["Fn::GetAtt"][0].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(named, granted, "{machine}");
    }
}

#[test]
fn t37_machines_log_no_execution_data() {
    for (id, machine) in of_type(&rendered().template, "AWS::Serverless::StateMachine") {
        assert_eq!(machine["Properties"]["Logging"]["IncludeExecutionData"], false, "{id}");
    }
}

#[test]
fn each_reference_leads_somewhere() {
    let template = rendered().template;
    let resources: BTreeSet<String> = resources(&template).into_keys().collect();
    let parameters: BTreeSet<String> = template["Parameters"].as_object().unwrap().keys().cloned().collect();
    let known =
        |name: &str| resources.contains(name) || parameters.contains(name) || name.starts_with("AWS::");
    let mut found = Vec::new();
    objects(&template, &mut found);
    for fields in found {
        if let Some(name) = fields.get("Ref").and_then(Value::as_str) {
            assert!(known(name), "Ref {name}");
        }
        if let Some(name) = fields.get("Fn::GetAtt").and_then(|value| value[0].as_str()) {
            assert!(resources.contains(name), "GetAtt {name}");
        }
        for name in fields.get("Fn::Sub").and_then(Value::as_str).map(placeholders).into_iter().flatten() {
            assert!(known(&name), "Sub {name}");
        }
    }
}

#[test]
fn what_is_woken_without_waiting_has_a_place_for_what_it_could_not_do() {
    let template = rendered().template;
    let mut asynchronous = BTreeSet::new();
    for (id, rule) in of_type(&template, "AWS::Events::Rule") {
        for target in rule["Properties"]["Targets"].as_array().unwrap() {
            assert_eq!(target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0], "DeadLetterQueue", "{id}");
            asynchronous.insert(target["Arn"]["Fn::GetAtt"][0].as_str().unwrap().to_owned());
        }
    }
    let configured: BTreeSet<String> = of_type(&template, "AWS::Lambda::EventInvokeConfig")
        .into_values()
        .map(|config| {
            let properties = &config["Properties"];
            assert_eq!(
                properties["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0],
                "DeadLetterQueue"
            );
            properties["FunctionName"]["Ref"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(asynchronous, configured);
    for (id, mapping) in of_type(&template, "AWS::Lambda::EventSourceMapping") {
        let properties = &mapping["Properties"];
        let destination = &properties["DestinationConfig"]["OnFailure"]["Destination"];
        assert_eq!(destination["Fn::GetAtt"][0], "DeadLetterQueue", "{id}");
        assert!(properties["MaximumRetryAttempts"].as_i64().unwrap() >= 0, "{id}: it would block for a day");
    }
}

#[test]
fn t40_only_pushes_into_the_pipelines_own_repositories_wake_the_intake() {
    let template = rendered().template;
    let pattern = &template["Resources"]["ImagePushedRule"]["Properties"]["EventPattern"];
    assert_eq!(pattern["account"][0]["Ref"], "AWS::AccountId");
    assert_eq!(pattern["region"][0]["Ref"], "AWS::Region");
    assert_eq!(pattern["detail"]["action-type"], serde_json::json!(["PUSH"]));
    assert_eq!(pattern["detail"]["result"], serde_json::json!(["SUCCESS"]));
    assert_eq!(
        pattern["detail"]["repository-name"],
        serde_json::json!(["exchange-backend-f899186", "exchange-client-59deea6", "exchange-engine-0480f75"])
    );
}

#[test]
fn t25_every_way_to_die_of_the_release_machine_alone_wakes_the_watcher() {
    let template = rendered().template;
    let pattern = &template["Resources"]["ReleaseDiedRule"]["Properties"]["EventPattern"];
    assert_eq!(pattern["source"], serde_json::json!(["aws.states"]));
    assert_eq!(pattern["account"][0]["Ref"], "AWS::AccountId");
    assert_eq!(pattern["region"][0]["Ref"], "AWS::Region");
    assert_eq!(pattern["detail"]["stateMachineArn"], serde_json::json!([{"Ref": "ReleaseMachine"}]));
    assert_eq!(pattern["detail"]["status"], serde_json::json!(["FAILED", "TIMED_OUT", "ABORTED"]));
}

#[test]
fn t12_the_registry_is_compared_every_five_minutes() {
    let rule = &rendered().template["Resources"]["ReconcileRule"]["Properties"];
    assert_eq!(rule["ScheduleExpression"], "rate(5 minutes)");
    assert_eq!(rule["Targets"][0]["Arn"]["Fn::GetAtt"][0], "ReconcileFunction");
}

#[test]
fn t39_each_trigger_is_limited_to_its_source_and_account() {
    let permissions = of_type(&rendered().template, "AWS::Lambda::Permission");
    assert_eq!(permissions.len(), 6);
    for (id, permission) in permissions {
        let properties = &permission["Properties"];
        assert_eq!(properties["SourceAccount"]["Ref"], "AWS::AccountId", "{id}");
        let arn = &properties["SourceArn"];
        let of_rule = arn["Fn::GetAtt"][1] == "Arn";
        let of_route =
            arn["Fn::Sub"].as_str().is_some_and(|arn| arn.contains("/POST/") && !arn.ends_with('*'));
        assert!(of_rule || of_route, "{id}: {arn}");
    }
}

#[test]
fn tables_can_be_restored_and_outlive_the_stack() {
    let tables = of_type(&rendered().template, "AWS::DynamoDB::Table");
    assert_eq!(tables.len(), 3);
    for (id, table) in tables {
        let properties = &table["Properties"];
        assert_eq!(table["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(
            properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true,
            "{id}"
        );
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{id}");
        assert_eq!(properties["TimeToLiveSpecification"]["AttributeName"], "ttl", "{id}");
    }
}

#[test]
fn secrets_are_created_without_a_value() {
    let secrets = of_type(&rendered().template, "AWS::SecretsManager::Secret");
    assert_eq!(secrets.len(), 6);
    for (id, secret) in secrets {
        let properties = secret["Properties"].as_object().unwrap();
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["Description", "Name"], "{id}");
    }
}

#[test]
fn what_only_a_vendor_needs_is_rendered_only_where_it_is_configured() {
    let rendered = |tables: &str| {
        let text = minimal("[[components]]", &format!("{tables}\n[[components]]"));
        render(&parse("x.toml", &text, &Overrides::default()).unwrap(), &RenderOptions::default()).unwrap()
    };
    let monday = "[monday]\nboard = \"1\"\n[monday.columns]\nkey = \"key\"\nstatus = \"status\"\n";
    for (tables, github, monday) in [
        ("", false, false),
        ("[github]\n", true, false),
        (monday, false, true),
        (&format!("[github]\n{monday}"), true, true),
    ] {
        let rendered = rendered(tables);
        let resources = &rendered.template["Resources"];
        assert_eq!(!resources["GitHubStatusTokenSecret"].is_null(), github, "{tables}");
        assert_eq!(!resources["MondayTokenSecret"].is_null(), monday, "{tables}");
        assert_eq!(rendered.parameters.contains_key("MondayBaseUrl"), monday, "{tables}");
        let mut found = Vec::new();
        objects(&rendered.template, &mut found);
        let sets = |name: &str| found.iter().filter(|fields| fields.contains_key(name)).count();
        assert_eq!(sets("GANTRY_GITHUB_STATUS_TOKEN_SECRET"), if github { 2 } else { 0 }, "{tables}");
        assert_eq!(sets("GANTRY_MONDAY_TOKEN_SECRET"), if monday { 2 } else { 0 }, "{tables}");
        let sender = resources["SendNoticesRole"].to_string();
        assert_eq!(sender.contains("dynamodb:GetItem"), github || monday, "{tables}");
        assert_eq!(
            sender.matches("Secret\"").count(),
            1 + usize::from(github) + usize::from(monday),
            "{tables}"
        );
    }
}

#[test]
fn who_died_at_a_vendors_desk_has_left_it_before_it_is_given_away() {
    // `tell_vendors::LONGEST_AT_DESK`, in seconds.
    const LONGEST_AT_DESK: u64 = 90;
    let template = rendered().template;
    for id in ["SendNoticesFunction", "SweepFunction"] {
        assert!(
            template["Resources"][id]["Properties"]["Timeout"].as_u64().unwrap() + 15 <= LONGEST_AT_DESK,
            "{id}"
        );
    }
}

#[test]
fn each_parameter_has_a_value_and_an_unknown_one_is_refused() {
    let rendered = rendered();
    let declared: Vec<&String> = rendered.template["Parameters"].as_object().unwrap().keys().collect();
    assert_eq!(rendered.parameters.keys().collect::<Vec<_>>(), declared);
    assert_eq!(rendered.parameters["Pipeline"], "exchange");
    let options = RenderOptions {
        parameters: BTreeMap::from([("Architektur".to_owned(), "arm64".to_owned())]),
        ..RenderOptions::default()
    };
    let error = render(&exchange(), &options).unwrap_err();
    assert!(error.to_string().contains("no parameter \"Architektur\"; it has Architecture"), "{error}");
}

#[test]
fn places_of_artifacts_can_be_chosen() {
    let options = RenderOptions {
        code_uri: "build/".to_owned(),
        definition_uri: "machines".to_owned(),
        ..RenderOptions::default()
    };
    let template = render(&exchange(), &options).unwrap().template;
    assert_eq!(template["Resources"]["SweepFunction"]["Properties"]["CodeUri"], "build/sweep.zip");
    assert_eq!(
        template["Resources"]["ReleaseMachine"]["Properties"]["DefinitionUri"],
        "machines/release.asl.json"
    );
}

#[test]
fn a_pipeline_whose_policies_iam_would_refuse_is_refused_before() {
    let services: Vec<String> =
        (0..60).map(|index| format!("\"a-service-with-a-long-name-{index}\"")).collect();
    let text = minimal("[[\"web\"]]", &format!("[[{}]]", services.join(", ")));
    let configuration = parse("x.toml", &text, &Overrides::default()).unwrap();
    let error = render(&configuration, &RenderOptions::default()).unwrap_err();
    assert!(matches!(&error, RenderError::PolicyTooLong { role, .. } if role == "DeployRoleLive"), "{error}");
}
