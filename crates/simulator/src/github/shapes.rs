//! GitHub's JSON: users, the repository, commits, and the payloads made of them.

use serde_json::{Value, json};

use super::GitHubConfig;
use super::history::Placed;

/// The hash GitHub writes where there is no commit.
pub(super) const ZERO: &str = "0000000000000000000000000000000000000000";

const API: &str = "https://api.github.com";
const SITE: &str = "https://github.com";

/// A number that stands for a name, the same every time.
pub(super) fn number(name: &str) -> u64 {
    name.bytes().fold(17, |sum: u64, byte| (sum * 131 + u64::from(byte)) % 900_000_000) + 1_000
}

/// The account name of a person, from their name: `Ada Lovelace` is `ada-lovelace`.
pub(super) fn login(name: &str) -> String {
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("-")
}

pub(super) fn email(name: &str) -> String {
    format!("{}@users.noreply.github.com", login(name))
}

/// A user or organization.
pub(super) fn account(login: &str, kind: &str) -> Value {
    let (id, url) = (number(login), format!("{API}/users/{login}"));
    json!({
        "login": login,
        "id": id,
        "node_id": format!("U_{id}"),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{SITE}/{login}"),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": kind,
        "user_view_type": "public",
        "site_admin": false,
    })
}

/// The fields every payload gives of a repository.
pub(super) fn repository(full_name: &str) -> Value {
    let (owner, name) = full_name.split_once('/').unwrap_or(("", full_name));
    let (id, url) = (number(full_name), format!("{API}/repos/{full_name}"));
    let mut repository = json!({
        "id": id,
        "node_id": format!("R_{id}"),
        "name": name,
        "full_name": full_name,
        "private": true,
        "owner": account(owner, "Organization"),
        "html_url": format!("{SITE}/{full_name}"),
        "description": null,
        "fork": false,
        "url": url,
    });
    let links = [
        ("archive_url", "{archive_format}{/ref}"),
        ("branches_url", "branches{/branch}"),
        ("commits_url", "commits{/sha}"),
        ("compare_url", "compare/{base}...{head}"),
        ("contents_url", "contents/{+path}"),
        ("deployments_url", "deployments"),
        ("events_url", "events"),
        ("git_commits_url", "git/commits{/sha}"),
        ("hooks_url", "hooks"),
        ("pulls_url", "pulls{/number}"),
        ("releases_url", "releases{/id}"),
        ("statuses_url", "statuses/{sha}"),
        ("tags_url", "tags"),
        ("trees_url", "git/trees{/sha}"),
    ];
    for (field, path) in links {
        repository[field] = json!(format!("{url}/{path}"));
    }
    repository
}

/// The repository as a webhook's `repository` field gives it, with what only full payloads have.
pub(super) fn full_repository(config: &GitHubConfig) -> Value {
    let mut repository = repository(&config.full_name);
    let more = json!({
        "created_at": "2024-02-01T09:00:00Z",
        "updated_at": "2026-11-20T16:00:00Z",
        "pushed_at": "2026-11-20T16:00:00Z",
        "clone_url": format!("{SITE}/{}.git", config.full_name),
        "git_url": format!("git://github.com/{}.git", config.full_name),
        "ssh_url": format!("git@github.com:{}.git", config.full_name),
        "default_branch": config.default_branch,
        "visibility": "private",
        "archived": false,
        "disabled": false,
        "forks": 0,
        "open_issues": 0,
        "size": 204_800,
        "language": "Ruby",
        "license": null,
        "topics": [],
        "watchers": 1,
        "web_commit_signoff_required": false,
    });
    if let (Some(repository), Value::Object(more)) = (repository.as_object_mut(), more) {
        repository.extend(more);
    }
    repository
}

/// A commit as `push` lists it.
pub(super) fn pushed_commit(config: &GitHubConfig, placed: &Placed) -> Value {
    let commit = &placed.commit;
    let person = json!({
        "name": commit.author,
        "email": email(&commit.author),
        "date": placed.at,
        "username": login(&commit.author),
    });
    json!({
        "id": commit.sha,
        "tree_id": tree(&commit.sha),
        "distinct": true,
        "message": commit.message,
        "timestamp": placed.at,
        "url": format!("{SITE}/{}/commit/{}", config.full_name, commit.sha),
        "author": person,
        "committer": person,
        "added": commit.added,
        "removed": commit.removed,
        "modified": commit.modified,
    })
}

/// A commit as `workflow_run` and `check_suite` quote it.
pub(super) fn head_commit(placed: &Placed) -> Value {
    let commit = &placed.commit;
    let person = json!({"name": commit.author, "email": email(&commit.author)});
    json!({
        "id": commit.sha,
        "tree_id": tree(&commit.sha),
        "message": commit.message,
        "timestamp": placed.at,
        "author": person,
        "committer": person,
    })
}

/// A commit as the REST API gives it.
pub(super) fn rest_commit(config: &GitHubConfig, placed: &Placed) -> Value {
    let commit = &placed.commit;
    let url = |sha: &str| format!("{API}/repos/{}/commits/{sha}", config.full_name);
    let html = |sha: &str| format!("{SITE}/{}/commit/{sha}", config.full_name);
    let person = json!({"name": commit.author, "email": email(&commit.author), "date": placed.at});
    let author = account(&login(&commit.author), "User");
    let parents: Vec<Value> = placed
        .parents
        .iter()
        .map(|sha| json!({"sha": sha, "url": url(sha), "html_url": html(sha)}))
        .collect();
    json!({
        "sha": commit.sha,
        "node_id": format!("C_{}", number(&commit.sha)),
        "commit": {
            "author": person,
            "committer": person,
            "message": commit.message,
            "tree": {"sha": tree(&commit.sha), "url": format!("{API}/repos/{}/git/trees/{}", config.full_name, tree(&commit.sha))},
            "url": format!("{API}/repos/{}/git/commits/{}", config.full_name, commit.sha),
            "comment_count": 0,
            "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null},
        },
        "url": url(&commit.sha),
        "html_url": html(&commit.sha),
        "comments_url": format!("{}/comments", url(&commit.sha)),
        "author": author,
        "committer": author,
        "parents": parents,
    })
}

/// A changed file as the REST API gives it. Contents are not kept, so there is no patch.
pub(super) fn file(config: &GitHubConfig, path: &str, status: &str, head: &str) -> Value {
    let (additions, deletions) = match status {
        "added" => (1, 0),
        "removed" => (0, 1),
        _ => (1, 1),
    };
    json!({
        "sha": tree(path),
        "filename": path,
        "status": status,
        "additions": additions,
        "deletions": deletions,
        "changes": additions + deletions,
        "blob_url": format!("{SITE}/{}/blob/{head}/{path}", config.full_name),
        "raw_url": format!("{SITE}/{}/raw/{head}/{path}", config.full_name),
        "contents_url": format!("{API}/repos/{}/contents/{path}?ref={head}", config.full_name),
    })
}

/// A hash that stands for the contents behind a name.
fn tree(of: &str) -> String {
    let mut hash = crate::outbound::hmac_hex("tree", &[of.as_bytes()]);
    hash.truncate(40);
    hash
}
