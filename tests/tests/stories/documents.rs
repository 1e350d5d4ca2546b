//! Documents that name things are held to them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// All Rust files below the folders that hold code.
fn sources() -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> =
        ["crates", "functions", "statemachine", "tests"].iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// The rows that tests are named after: `fn t05_…` → 5.
fn rows_with_tests() -> Result<BTreeSet<u32>> {
    let mut rows = BTreeSet::new();
    for file in sources()? {
        let text = std::fs::read_to_string(file)?;
        for name in text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next()) {
            let words = name.split('_').take_while(|word| word.len() == 3);
            rows.extend(words.filter_map(|word| word.strip_prefix('t')?.parse::<u32>().ok()));
        }
    }
    Ok(rows)
}

#[test]
fn a_threat_that_is_listed_as_shown_has_tests_named_after_it() -> Result<()> {
    let page = std::fs::read_to_string(root().join("docs/threats.md"))?;
    let shown: BTreeSet<u32> =
        page.lines().filter_map(|line| line.strip_prefix("| T")?.split_once(' ')?.0.parse().ok()).collect();
    assert!(shown.len() > 20, "the page lists {shown:?}");
    let tested = rows_with_tests()?;
    let missing: Vec<&u32> = shown.difference(&tested).collect();
    assert!(missing.is_empty(), "no test is named after rows {missing:?}");
    Ok(())
}

#[test]
fn every_file_that_a_document_links_to_is_there() -> Result<()> {
    for document in [
        "README.md",
        "docs/architecture.md",
        "docs/console.md",
        "docs/errors.md",
        "docs/install.md",
        "infra/README.md",
        "docs/runbook.md",
        "docs/threats.md",
    ] {
        let path = root().join(document);
        let text = std::fs::read_to_string(&path)?;
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") {
                let file = path.parent().unwrap_or(root()).join(target);
                assert!(file.exists(), "{document} links to {target}");
            }
        }
    }
    Ok(())
}
