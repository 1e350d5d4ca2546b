//! The adapter over the real SDK.

use gantry_domain::names::Tag;
use serde_json::json;

use super::*;
use crate::testing::{Answer, Asked, StubAws, scope, sessions};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

fn ecr(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (EcrRegistry, StubAws) {
    let aws = StubAws::new(script);
    (EcrRegistry::new(Arc::new(sessions(&aws))), aws)
}

fn repository() -> RepositoryName {
    RepositoryName::new("exchange-backend-f899186").unwrap()
}

fn digest(digit: char) -> Digest {
    Digest::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

#[tokio::test]
async fn all_pages_of_tags_are_read() {
    let (ecr, aws) = ecr(|asked| {
        let second = asked.json().get("nextToken").is_some();
        let tag = if second { "sha-2" } else { "sha-1" };
        let mut page = json!({"imageIds": [{"imageTag": tag, "imageDigest": digest('a').as_str()}]});
        if !second {
            page["nextToken"] = json!("more");
        }
        Answer::json(&page)
    });
    let tags = ecr.tags(&scope(), &repository()).await.unwrap().unwrap();
    assert_eq!(tags.iter().map(|tagged| tagged.tag.as_str()).collect::<Vec<_>>(), ["sha-1", "sha-2"]);
    let asked = aws.asked("ListImages");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].json()["filter"]["tagStatus"], "TAGGED");
}

#[tokio::test]
async fn t12_all_pages_of_tagged_images_are_read_with_their_times_and_kinds() {
    let (ecr, aws) = ecr(|asked| {
        let second = asked.json().get("nextToken").is_some();
        let of_image = |digit: char, tag: &str, status: &str| {
            json!({"imageDigest": digest(digit).as_str(), "imageTags": [tag, "not a tag"],
                "imagePushedAt": 1_795_262_400.25, "imageManifestMediaType": INDEX, "imageStatus": status})
        };
        Answer::json(&if second {
            json!({"imageDetails": [of_image('b', "sha-2", "ACTIVE"), of_image('c', "sha-3", "ARCHIVED")]})
        } else {
            json!({"imageDetails": [of_image('a', "sha-1", "ACTIVE")], "nextToken": "more"})
        })
    });
    let images = ecr.tagged(&scope(), &repository()).await.unwrap().unwrap();
    let seen: Vec<_> = images.iter().map(|image| (image.digest.clone(), image.tags.len())).collect();
    assert_eq!(seen, [(digest('a'), 1), (digest('b'), 1)], "an archived image cannot be pulled");
    assert_eq!(images[1].pushed_at.as_second(), 1_795_262_400);
    assert_eq!(images[1].manifest_media_type.as_deref(), Some(INDEX));
    assert_eq!(images[1].artifact_media_type, None);
    let asked = aws.asked("DescribeImages");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].json()["filter"]["tagStatus"], "TAGGED");
    assert!(asked.iter().all(|asked| asked.signed_by == "STAGEKEY"), "in the stage's name");
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let (no_repository, _) = ecr(|_| Answer::error(400, "RepositoryNotFoundException", "no"));
    assert_eq!(no_repository.tags(&scope(), &repository()).await.unwrap(), None);
    assert_eq!(no_repository.tagged(&scope(), &repository()).await.unwrap(), None);
    assert_eq!(no_repository.image(&scope(), &repository(), &digest('a')).await.unwrap(), None);
    let (no_image, _) = ecr(|_| Answer::error(400, "ImageNotFoundException", "no"));
    let tag = Tag::new("sha-1").unwrap();
    assert_eq!(no_image.resolve(&scope(), &repository(), &tag).await.unwrap(), None);
}

#[tokio::test]
async fn an_archived_image_cannot_be_pulled_and_is_none() {
    let (ecr, _) = ecr(|_| {
        Answer::json(
            &json!({"imageDetails": [{"imageDigest": digest('a').as_str(), "imageStatus": "ARCHIVED"}]}),
        )
    });
    assert_eq!(ecr.image(&scope(), &repository(), &digest('a')).await.unwrap(), None);
}

#[tokio::test]
async fn t11_an_index_is_runnable_on_the_platforms_of_its_children_that_are_no_attestations() {
    let manifest = json!({"mediaType": INDEX, "manifests": [
        {"digest": "x", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "y", "platform": {"os": "unknown", "architecture": "unknown"}}]});
    let (ecr, _) = ecr(move |asked| match asked.operation.as_str() {
        "DescribeImages" => Answer::json(&json!({"imageDetails": [
            {"imageDigest": digest('a').as_str(), "imageTags": ["sha-1", "branch-main"], "imagePushedAt": 1795262400.0}]})),
        _ => Answer::json(
            &json!({"images": [{"imageManifest": manifest.to_string(), "imageManifestMediaType": INDEX}]}),
        ),
    });
    let image = ecr.image(&scope(), &repository(), &digest('a')).await.unwrap().unwrap();
    assert_eq!(image.kind, ImageKind::Runnable { platforms: vec!["linux/amd64".to_owned()] });
    assert_eq!(image.tags.len(), 2);
    assert_eq!(image.pushed_at.unwrap().as_second(), 1_795_262_400);
}

#[test]
fn t11_signatures_attestations_and_caches_are_not_runnable() {
    let kind = |manifest: Value| kind_of(None, &manifest.to_string()).unwrap();
    let runnable = kind(json!({"config": {"mediaType": CONFIG}}));
    assert_eq!(runnable, ImageKind::Runnable { platforms: Vec::new() });
    for manifest in [
        json!({"config": {"mediaType": "application/vnd.cncf.notary.signature"}}),
        json!({"config": {"mediaType": "application/vnd.buildkit.cacheconfig.v0"}}),
        json!({"config": {"mediaType": CONFIG}, "subject": {"digest": "x"}}),
        json!({"artifactType": "application/spdx+json", "config": {"mediaType": CONFIG}}),
        json!({"manifests": [{"platform": {"os": "unknown", "architecture": "unknown"}}]}),
        json!({"manifests": []}),
        json!([]),
    ] {
        assert!(matches!(kind(manifest.clone()), ImageKind::Other(_)), "{manifest}");
    }
}

#[tokio::test]
async fn errors_are_told_apart() {
    let (throttled, _) = ecr(|_| Answer::error(400, "ThrottlingException", "Rate exceeded"));
    let error = throttled.tags(&scope(), &repository()).await.unwrap_err();
    assert!(matches!(error, PortError::Throttled { .. }), "{error:?}");
    let (denied, _) = ecr(|_| Answer::error(400, "AccessDeniedException", "no"));
    let error = denied.image(&scope(), &repository(), &digest('a')).await.unwrap_err();
    assert!(matches!(error, PortError::Denied { .. }), "{error:?}");
}
