//! The repository's commits: who follows whom, and what changed between two of them.
//!
//! Pure. Contents are not kept, only which paths each commit added, modified and removed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A commit as a test or the demo describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Forty hex digits.
    pub sha: String,
    /// The author's name.
    pub author: String,
    /// The message, first line first.
    pub message: String,
    /// Paths that are new.
    pub added: Vec<String>,
    /// Paths that changed.
    pub modified: Vec<String>,
    /// Paths that are gone.
    pub removed: Vec<String>,
}

/// A commit in its place.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) commit: Commit,
    pub(super) parents: Vec<String>,
    /// RFC 3339, world time.
    pub(super) at: String,
}

/// What the compare API answers from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) merge_base: String,
    /// In the head's history and not in the base's, oldest first.
    pub(super) ahead: Vec<String>,
    pub(super) behind: usize,
    /// Path and status (`added`, `modified`, `removed`), by path.
    pub(super) files: BTreeMap<String, &'static str>,
}

impl Comparison {
    pub(super) fn status(&self) -> &'static str {
        match (self.ahead.is_empty(), self.behind == 0) {
            (true, true) => "identical",
            (false, true) => "ahead",
            (true, false) => "behind",
            (false, false) => "diverged",
        }
    }
}

/// Commits and branch heads.
#[derive(Debug, Default)]
pub(super) struct History {
    commits: BTreeMap<String, Placed>,
    pub(super) branches: BTreeMap<String, String>,
}

impl History {
    /// Puts a chain of commits on top of `onto` and moves the branch there. Says where the branch was.
    pub(super) fn land(
        &mut self,
        branch: &str,
        onto: Option<&str>,
        chain: &[Commit],
        at: &str,
    ) -> Option<String> {
        let before = self.branches.get(branch).cloned();
        let mut parent = onto.map(str::to_owned).or_else(|| before.clone());
        for commit in chain {
            let parents = parent.into_iter().collect();
            let placed = Placed { commit: commit.clone(), parents, at: at.to_owned() };
            self.commits.insert(commit.sha.clone(), placed);
            parent = Some(commit.sha.clone());
        }
        if let Some(head) = parent {
            self.branches.insert(branch.to_owned(), head);
        }
        before
    }

    pub(super) fn get(&self, sha: &str) -> Option<&Placed> {
        self.commits.get(sha)
    }

    /// Finds a commit by branch, full hash or a unique beginning of one.
    pub(super) fn find(&self, reference: &str) -> Option<&Placed> {
        let name = reference.strip_prefix("refs/heads/").unwrap_or(reference);
        if let Some(head) = self.branches.get(name) {
            return self.get(head);
        }
        let mut matches =
            self.commits.range(reference.to_owned()..).take_while(|(sha, _)| sha.starts_with(reference));
        let first = matches.next().filter(|_| reference.len() >= 4)?;
        (first.0 == reference || matches.next().is_none()).then_some(first.1)
    }

    /// Whether `ancestor` is in the history of `of`.
    pub(super) fn contains(&self, of: &str, ancestor: &str) -> bool {
        self.reachable(of).contains(ancestor)
    }

    /// Compares as GitHub does: the head against where it left the base. `None` when they share nothing.
    pub(super) fn compare(&self, base: &str, head: &str) -> Option<Comparison> {
        let of_base = self.reachable(base);
        let from_head = self.newest_first(head);
        let merge_base = from_head.iter().find(|sha| of_base.contains(*sha))?.clone();
        let ahead: Vec<String> =
            from_head.iter().rev().filter(|sha| !of_base.contains(*sha)).cloned().collect();
        let of_head = self.reachable(head);
        let behind = of_base.iter().filter(|sha| !of_head.contains(*sha)).count();
        let files = self.changes(&ahead);
        Some(Comparison { merge_base, ahead, behind, files })
    }

    fn changes(&self, commits: &[String]) -> BTreeMap<String, &'static str> {
        let mut files: BTreeMap<String, &'static str> = BTreeMap::new();
        for commit in commits.iter().filter_map(|sha| self.get(sha)).map(|placed| &placed.commit) {
            for path in &commit.added {
                let status = if files.get(path) == Some(&"removed") { "modified" } else { "added" };
                files.insert(path.clone(), status);
            }
            for path in &commit.modified {
                files.entry(path.clone()).or_insert("modified");
            }
            for path in &commit.removed {
                if files.get(path) == Some(&"added") {
                    files.remove(path);
                } else {
                    files.insert(path.clone(), "removed");
                }
            }
        }
        files
    }

    fn reachable(&self, from: &str) -> BTreeSet<String> {
        self.newest_first(from).into_iter().collect()
    }

    fn newest_first(&self, from: &str) -> Vec<String> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        let mut queue = VecDeque::from([from.to_owned()]);
        while let Some(sha) = queue.pop_front() {
            let Some(placed) = self.commits.get(&sha) else { continue };
            if seen.insert(sha.clone()) {
                order.push(sha);
                queue.extend(placed.parents.iter().cloned());
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(sha: &str, added: &[&str], modified: &[&str], removed: &[&str]) -> Commit {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        Commit {
            sha: sha.to_owned(),
            added: owned(added),
            modified: owned(modified),
            removed: owned(removed),
            ..Commit::default()
        }
    }

    fn history() -> History {
        let mut history = History::default();
        history.land(
            "main",
            None,
            &[commit("aaaa1", &["a"], &[], &[]), commit("aaaa2", &[], &["a"], &[])],
            "t",
        );
        history.land("feature", Some("aaaa1"), &[commit("bbbb1", &["b"], &[], &[])], "t");
        history
    }

    #[test]
    fn comparing_says_ahead_behind_diverged_or_identical() {
        let history = history();
        let rows = [
            ("aaaa1", "aaaa2", "ahead", 1, 0),
            ("aaaa2", "aaaa1", "behind", 0, 1),
            ("aaaa2", "aaaa2", "identical", 0, 0),
            ("aaaa2", "bbbb1", "diverged", 1, 1),
        ];
        for (base, head, status, ahead, behind) in rows {
            let comparison = history.compare(base, head).unwrap();
            assert_eq!(
                (comparison.status(), comparison.ahead.len(), comparison.behind),
                (status, ahead, behind),
                "{base}...{head}"
            );
        }
        assert_eq!(history.compare("aaaa2", "bbbb1").unwrap().merge_base, "aaaa1");
    }

    #[test]
    fn files_are_what_remains_changed_at_the_end() {
        let mut history = history();
        let chain = [
            commit("cccc1", &["new", "gone"], &["a"], &["old"]),
            commit("cccc2", &["old"], &["new"], &["gone"]),
            commit("cccc3", &[], &[], &["a"]),
        ];
        history.land("main", None, &chain, "t");
        let files = history.compare("aaaa2", "cccc3").unwrap().files;
        let expected = [("a", "removed"), ("new", "added"), ("old", "modified")];
        assert_eq!(files, expected.into_iter().map(|(path, status)| (path.to_owned(), status)).collect());
    }

    #[test]
    fn commits_are_found_by_branch_hash_and_unique_beginning() {
        let history = history();
        let sha = |reference: &str| history.find(reference).map(|placed| placed.commit.sha.clone());
        assert_eq!(sha("main").as_deref(), Some("aaaa2"));
        assert_eq!(sha("refs/heads/feature").as_deref(), Some("bbbb1"));
        assert_eq!(sha("aaaa1").as_deref(), Some("aaaa1"));
        assert_eq!(sha("bbbb").as_deref(), Some("bbbb1"));
        assert_eq!(sha("aaaa"), None, "two commits begin like this");
        assert_eq!(sha("bbb"), None, "too short");
    }

    #[test]
    fn histories_that_share_nothing_cannot_be_compared() {
        let mut history = history();
        history.land("orphan", Some("nowhere"), &[commit("dddd1", &[], &[], &[])], "t");
        assert_eq!(history.compare("aaaa2", "dddd1"), None);
    }
}
