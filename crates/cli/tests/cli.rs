//! The built command, as people and CI run it.

#[cfg(test)]
mod support {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    pub(crate) fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    pub(crate) fn gantry(arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_gantry")).args(arguments).current_dir(root()).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn ended(output: &Output, code: i32) -> (String, String) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{out}{err}");
        (out, err)
    }

    /// Commands in the documents' shell examples that begin with `gantry`, however it is started.
    pub(crate) fn documented() -> Vec<(String, Vec<String>)> {
        let mut found = Vec::new();
        for page in ["README.md", "docs/install.md", "docs/runbook.md", "docs/console.md"] {
            let text = std::fs::read_to_string(root().join(page)).unwrap();
            let blocks =
                text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
            for line in blocks.flat_map(str::lines) {
                let line = line.split('#').next().unwrap_or_default();
                let rest = line
                    .strip_prefix("gantry ")
                    .or_else(|| line.split_once("-p gantry-cli -- ").map(|(_, rest)| rest));
                if let Some(rest) = rest {
                    found.push((page.to_owned(), rest.split_whitespace().map(str::to_owned).collect()));
                }
            }
        }
        found
    }
}

use serde_json::Value;
use support::{documented, ended, gantry, root};

const EXAMPLE: &str = "examples/exchange/gantry.toml";

#[test]
fn validate_says_what_a_good_file_holds() {
    let (out, err) = ended(&gantry(&["validate", EXAMPLE]), 0);
    assert!(
        out.starts_with(
            "examples/exchange/gantry.toml: exchange is good (components: 3, services: 6, \
             stages: preproduction then production; hash "
        ),
        "{out}"
    );
    assert_eq!(err, "");
}

#[test]
fn validate_tells_every_mistake_and_ends_with_one() {
    let (out, err) = ended(&gantry(&["validate", "crates/config/tests/not/slack-ids.toml"]), 1);
    assert_eq!(out, "");
    assert_eq!(err.matches("crates/config/tests/not/slack-ids.toml:").count(), 4, "{err}");
    assert!(err.ends_with("\n4 mistakes\n"), "{err}");
}

#[test]
fn a_file_that_is_not_there_ends_with_two() {
    let (_, err) = ended(&gantry(&["validate", "no/gantry.toml"]), 2);
    assert!(err.starts_with("no/gantry.toml could not be read: "), "{err}");
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    ended(&gantry(&["deploy"]), 2);
    ended(&gantry(&["render", EXAMPLE]), 2);
    ended(&gantry(&["validate", EXAMPLE, "--base-url", "preproduction=x"]), 2);
}

#[test]
fn render_writes_template_parameters_and_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/folder");
    let out_text = out.to_str().unwrap();
    let command = ["render", EXAMPLE, "--out", out_text, "--parameter", "Architecture=x86_64"];
    let (told, _) = ended(&gantry(&command), 0);
    assert!(told.ends_with("\nto be deployed in account 111122223333 and region us-west-2\n"), "{told}");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(out.join(name)).unwrap()).unwrap()
    };
    assert!(read("template.json")["Resources"]["DeployRoleProduction"].is_object());
    assert_eq!(read("gantry.json")["name"], "exchange");
    let parameters = read("parameters.json");
    let architecture = parameters.as_array().unwrap().iter().find(|it| it["ParameterKey"] == "Architecture");
    assert_eq!(architecture.unwrap()["ParameterValue"], "x86_64");
}

#[test]
fn render_writes_nothing_for_a_wrong_file_or_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out_text = out.to_str().unwrap();
    ended(&gantry(&["render", "crates/config/tests/not/gates.toml", "--out", out_text]), 1);
    let (_, err) = ended(&gantry(&["render", EXAMPLE, "--out", out_text, "--parameter", "Colour=red"]), 2);
    assert!(
        err.contains("the template could not be rendered: the template has no parameter \"Colour\""),
        "{err}"
    );
    assert!(!out.exists());
}

#[test]
fn a_world_can_give_its_own_urls_and_hosts() {
    let url = "preproduction.backend=http://127.0.0.1:7/web";
    let (_, err) = ended(&gantry(&["validate", EXAMPLE, "--base-url", url]), 1);
    assert!(err.contains("base URL given for preproduction: the host 127.0.0.1 is private"), "{err}");
    ended(&gantry(&["validate", EXAMPLE, "--base-url", url, "--private-host", "preproduction=127.0.0.1"]), 0);
}

#[test]
fn schema_prints_the_committed_schema() {
    let (out, _) = ended(&gantry(&["schema"]), 0);
    let committed = std::fs::read_to_string(root().join("crates/config/gantry.schema.json")).unwrap();
    assert_eq!(out, committed);
}

#[test]
fn init_asks_nobody_when_it_could_not_write_what_it_learns() {
    let before = std::fs::read(root().join(EXAMPLE)).unwrap();
    let (out, err) = ended(&gantry(&["init", "--cluster", "shop", "--out", EXAMPLE]), 1);
    assert_eq!(out, "");
    assert!(err.starts_with("examples/exchange/gantry.toml is there already and was left as it is"), "{err}");
    assert_eq!(std::fs::read(root().join(EXAMPLE)).unwrap(), before);
}

#[test]
fn init_takes_each_cluster_as_a_stage_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("gantry.toml");
    let out = out.to_str().unwrap();
    for (first, second, words) in [
        ("shop", "shop", "the cluster shop was given twice"),
        ("live=shop", "live=shop-2", "two stages would be called live"),
        ("production=shop", "shop-2", "two stages would be called production"),
    ] {
        let (_, err) = ended(&gantry(&["init", "--out", out, "--cluster", first, "--cluster", second]), 1);
        assert!(err.starts_with(words), "{err}");
    }
    ended(&gantry(&["init", "--out", out, "--cluster", "two words"]), 2);
    ended(&gantry(&["init", "--out", out, "--cluster", "Live=shop"]), 2);
    ended(&gantry(&["init", "--out", out]), 2);
    assert!(!std::path::Path::new(out).exists());
}

#[test]
fn each_command_and_option_in_the_documents_exists() {
    let documented = documented();
    assert!(documented.len() > 8, "{documented:?}");
    for (page, words) in documented {
        let (help, _) = ended(&gantry(&[words[0].as_str(), "--help"]), 0);
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option.as_str()), "{page}: gantry {} has no {option}", words[0]);
        }
    }
}
