//! `allowed/*.toml` are accepted; `not/*.toml` are refused with exactly the messages in the file beside them.

use gantry_config::{LoadError, Overrides, load, parse};

use crate::support::{files, minimal, read};

#[test]
fn allowed_files_are_accepted() {
    for path in files("allowed", "toml") {
        load(&path, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_with_its_place() {
    for path in files("not", "toml") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mistakes = parse(name, &read(&path), &Overrides::default()).expect_err(name);
        assert_eq!(mistakes.to_string() + "\n", read(&path.with_extension("txt")), "{}", path.display());
    }
}

#[test]
fn each_expectation_belongs_to_a_file() {
    for path in files("not", "txt") {
        assert!(path.with_extension("toml").is_file(), "{}", path.display());
    }
}

#[test]
fn a_file_that_is_not_there_is_told_from_a_wrong_one() {
    let path = std::path::Path::new("no/such/gantry.toml");
    let error = load(path, &Overrides::default()).unwrap_err();
    assert!(matches!(error, LoadError::Unreadable { .. }), "{error}");
    assert_eq!(error.to_string(), "no/such/gantry.toml could not be read");
}

#[test]
fn columns_count_characters() {
    let text = minimal("waves = [[\"web\"]]", "waves = [[\"wéb\", \"a b\"]]");
    let mistakes = parse("x.toml", &text, &Overrides::default()).unwrap_err().to_string();
    assert!(mistakes.contains("x.toml:15:11: components[0].waves[0][0]"), "{mistakes}");
    assert!(mistakes.contains("x.toml:15:18: components[0].waves[0][1]"), "{mistakes}");
}

#[test]
fn odd_texts_are_refused_without_a_panic() {
    let deep = format!("a = {}{}", "[".repeat(3000), "]".repeat(3000));
    for text in
        ["\u{0}", "=", "[[[", "a.b.c = 1\na = 2", "[pipeline", "components = [[[]]]", "\u{feff}", "🦀", &deep]
    {
        assert!(
            parse("x.toml", text, &Overrides::default()).is_err(),
            "{}",
            text.chars().take(20).collect::<String>()
        );
    }
}

#[test]
fn t37_credentials_in_a_url_are_not_repeated() {
    let check = "\n[[checks]]\nname = \"a\"\n[checks.http]\nurl = \"https://user:hunter2@shop.example/\"\n";
    let text = minimal("task_roles = []", &format!("task_roles = []\n{check}"));
    let mistakes = parse("x.toml", &text, &Overrides::default()).unwrap_err().to_string();
    assert!(mistakes.contains("without credentials") && !mistakes.contains("hunter2"), "{mistakes}");
}
