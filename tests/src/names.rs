//! Names for what differs from world to world or says nothing to a reader: commits, digests, moments, addresses.
//!
//! `c0` is the commit that runs when the world begins, `c1` the first one a story pushes, and `backend@c1` the image that CI
//! made of it.

use std::collections::BTreeMap;

/// Shortest beginning of a commit that is written anywhere.
const SHORT: usize = 7;
/// Digits of a commit in a release's id.
const IN_RELEASE: usize = 12;

/// What is known under which name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    commits: Vec<String>,
    images: BTreeMap<String, String>,
    addresses: Vec<(String, String)>,
}

impl Names {
    /// The next commit.
    pub(crate) fn commit(&mut self, sha: &str) {
        if !self.commits.iter().any(|known| known == sha) {
            self.commits.push(sha.to_owned());
        }
    }

    /// The image of a component at a commit.
    pub(crate) fn image(&mut self, digest: &str, component: &str, sha: &str) {
        let commit = self.of_commit(sha);
        self.images.insert(digest.to_owned(), format!("{component}@{commit}"));
    }

    /// An address that differs from world to world.
    pub(crate) fn address(&mut self, address: &str, name: &str) {
        self.addresses.push((address.to_owned(), name.to_owned()));
    }

    /// The name of a commit.
    pub(crate) fn of_commit(&self, sha: &str) -> String {
        let place = self.commits.iter().position(|known| known == sha);
        place.map_or_else(|| format!("unknown commit {sha}"), |place| format!("c{place}"))
    }

    /// The name of an image by its digest.
    pub(crate) fn of_image(&self, digest: &str) -> String {
        self.images.get(digest).cloned().unwrap_or_else(|| format!("unknown image {digest}"))
    }

    /// The text with names instead of what differs.
    pub(crate) fn name(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (address, name) in &self.addresses {
            text = text.replace(address, name);
        }
        for (digest, name) in &self.images {
            text = text.replace(digest, name);
            // Gantry's short form of a digest.
            let digits = digest.trim_start_matches("sha256:");
            text = text.replace(digits.get(..12).unwrap_or(digits), name);
        }
        for (place, sha) in self.commits.iter().enumerate() {
            for length in [sha.len(), IN_RELEASE, SHORT] {
                text = text.replace(sha.get(..length).unwrap_or(sha), &format!("c{place}"));
            }
        }
        let text = between(&text, "<!date^", ">", "(a moment)");
        without_ids(&between(&text, "plan `", "`", "plan `…`"))
    }
}

/// Ids of tasks: 32 hexadecimal digits.
fn without_ids(text: &str) -> String {
    let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_hex) {
        let (before, after) = rest.split_at(start);
        let (run, behind) = after.split_at(after.find(|c| !is_hex(c)).unwrap_or(after.len()));
        out.push_str(before);
        out.push_str(if run.len() == 32 { "(an id)" } else { run });
        rest = behind;
    }
    out + rest
}

/// Replaces everything from `start` to the next `end`.
fn between(text: &str, start: &str, end: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(start) {
        out.push_str(before);
        let Some((_, after)) = after.split_once(end) else {
            out.push_str(start);
            rest = after;
            continue;
        };
        out.push_str(by);
        rest = after;
    }
    out + rest
}
