//! Addresses that people are led to.

use gantry_domain::names::{CommitSha, ExecutionArn, GitHubRepository};

/// An execution in the Step Functions console.
pub(crate) fn execution(arn: &ExecutionArn) -> String {
    let mut parts = arn.as_str().split(':').skip(1);
    let (partition, region) = (parts.next().unwrap_or("aws"), parts.nth(1).unwrap_or_default());
    let console = match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    // An execution's name may hold letters beyond ASCII.
    let arn: String = url::form_urlencoded::byte_serialize(arn.as_str().as_bytes()).collect();
    format!("https://{region}.{console}/states/home?region={region}#/v2/executions/details/{arn}")
}

/// A commit's page, given where the REST API is: GitHub's own, one with data residency, or an Enterprise Server.
pub(crate) fn commit(api: &str, repository: &GitHubRepository, sha: &CommitSha) -> String {
    let site = match api.strip_prefix("https://api.") {
        Some(tenant) if tenant.ends_with(".ghe.com") => format!("https://{tenant}"),
        _ => api.strip_suffix("/api/v3").unwrap_or("https://github.com").to_owned(),
    };
    format!("{site}/{repository}/commit/{sha}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_found_in_its_partitions_console() {
        for (partition, region, console) in [
            ("aws", "us-west-2", "us-west-2.console.aws.amazon.com"),
            ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
            ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ] {
            let arn =
                format!("arn:{partition}:states:{region}:111122223333:execution:gantry-exchange-release:one");
            let link = execution(&ExecutionArn::new(arn).unwrap());
            let beginning =
                format!("https://{console}/states/home?region={region}#/v2/executions/details/arn%3A");
            assert!(link.starts_with(&beginning) && link.ends_with("release%3Aone"), "{link}");
        }
    }

    #[test]
    fn a_commit_is_found_on_the_site_that_belongs_to_the_api() {
        let repository = GitHubRepository::new("exchange/monorepo").unwrap();
        let sha = CommitSha::new("4".repeat(40)).unwrap();
        for (api, site) in [
            ("https://api.github.com", "https://github.com"),
            ("https://api.exchange.ghe.com", "https://exchange.ghe.com"),
            ("https://github.exchange.example/api/v3", "https://github.exchange.example"),
            ("http://127.0.0.1:4000/github/api", "https://github.com"),
        ] {
            let expected = format!("{site}/exchange/monorepo/commit/{sha}");
            assert_eq!(commit(api, &repository, &sha), expected);
        }
    }
}
