use gantry_domain::failure::StoppedContainer;
use gantry_domain::names::ContainerName;
use proptest::prelude::*;
use serde_json::json;

use super::super::tests::{assert_fits, texts};
use super::*;

fn failed_in_production(failures: &[Failure]) -> Rendered {
    failed(
        &ReleaseId::new("exchange-444444444444-1").unwrap(),
        &StageName::new("production").unwrap(),
        failures,
    )
}

fn container() -> ContainerName {
    ContainerName::new("exchange-client-web").unwrap()
}

fn tail(lines: &[&str]) -> LogTail {
    LogTail {
        container: container(),
        place: Some("/ecs/exchange-prod2 exchange-client-web/exchange-client-web/0123".to_owned()),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        unread: None,
    }
}

fn failure(words: &str, log: Option<LogTail>) -> Failure {
    Failure {
        subject: "exchange-client-web".to_owned(),
        once: false,
        what: "its deployment is ROLLBACK_IN_PROGRESS".to_owned(),
        because: vec![words.to_owned()],
        tasks: vec![StoppedTasks {
            count: 3,
            code: Some("EssentialContainerExited".to_owned()),
            reason: Some("Essential container in task exited".to_owned()),
            containers: vec![StoppedContainer { name: container(), exit_code: Some(1), reason: None }],
            newest: "arn:aws:ecs:us-west-2:111122223333:task/c/0123".parse().unwrap(),
            task_definition: "arn:aws:ecs:us-west-2:111122223333:task-definition/web:2".parse().unwrap(),
        }],
        events: vec![Told {
            message: format!("(service web) was unable to place a task. {words}"),
            times: 2,
        }],
        log,
    }
}

fn seen(rendered: &Rendered) -> String {
    let blocks = serde_json::to_value(&rendered.blocks).unwrap();
    format!("({})\n\n{}", rendered.text, texts(&blocks).join("\n\n"))
}

#[test]
fn a_failure_says_what_matters_first_and_ends_with_the_log() {
    let why = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    let log = tail(&["Booting <Puma>", "PG::ConnectionBad: ```no route``` to host"]);
    let told = failed_in_production(&[failure(why, Some(log))]);
    insta::assert_snapshot!(seen(&told), @r"
    (Release exchange-444444444444-1: exchange-client-web failed in production: its deployment is ROLLBACK_IN_PROGRESS. Service deployment rolled back because the circuit breaker threshold was exceeded.)

    🔎 *Why exchange-client-web failed in production*
    its deployment is ROLLBACK_IN_PROGRESS. Service deployment rolled back because the circuit breaker threshold was exceeded.
    • 3 tasks stopped (EssentialContainerExited): Essential container in task exited; container exchange-client-web: exit code 1
    • (service web) was unable to place a task. Service deployment rolled back because the circuit breaker threshold was exceeded. (2 times)

    *The last lines of container `exchange-client-web`*
    ```
    Booting &lt;Puma&gt;
    PG::ConnectionBad: '''no route''' to host
    ```

    From `/ecs/exchange-prod2 exchange-client-web/exchange-client-web/0123`
    ");
}

#[test]
fn a_log_that_could_not_be_read_is_a_clause() {
    let place = Some("/ecs/web app/app/1".to_owned());
    let log = LogTail::unread(container(), place, "Gantry may not read its log group");
    let told = seen(&failed_in_production(&[failure("No.", Some(log))]));
    let clause =
        "No log of container `exchange-client-web`: Gantry may not read its log group. `/ecs/web app/app/1`";
    assert!(told.ends_with(clause), "{told}");
}

#[test]
fn many_failures_are_told_in_one_message_that_slack_takes() {
    let wide = "<&>".repeat(500);
    let lines: Vec<&str> = vec![&wide; 25];
    let one = Failure { subject: "s".repeat(200), ..failure(&wide, Some(tail(&lines))) };
    let one = Failure { events: vec![one.events[0].clone(); 5], tasks: vec![one.tasks[0].clone(); 5], ..one };
    let told = failed_in_production(&vec![one; 12]);
    assert_fits(&told);
    assert!(seen(&told).contains("Failed too: "));
}

proptest! {
    #[test]
    fn t35_what_a_container_printed_never_becomes_markup(text in "[ -~\u{80}-\u{2fff}<>&|!@#`\n]{0,300}") {
        let failure = Failure { subject: text.clone(), what: text.clone(), ..failure(&text, Some(tail(&[&text, &text]))) };
        let told = failed_in_production(&[failure]);
        assert_fits(&told);
        let blocks = json!({"text": told.text, "blocks": told.blocks});
        for text in texts(&blocks) {
            prop_assert!(!text.contains(['<', '>']), "{text}");
        }
    }
}
