use super::*;
use crate::testing::exchange;

fn push() -> EcrImageAction {
    EcrImageAction {
        result: "SUCCESS".to_owned(),
        repository_name: "exchange-backend-f899186".to_owned(),
        image_digest: format!("sha256:{}", "a".repeat(64)),
        action_type: "PUSH".to_owned(),
        image_tag: format!("sha-{}", "b".repeat(40)),
        manifest_media_type: Some("application/vnd.oci.image.index.v1+json".to_owned()),
        artifact_media_type: None,
    }
}

fn classified(event: &EcrImageAction) -> ImageEvent {
    let account = AccountId::new("111122223333").unwrap();
    classify(&exchange(), &account, &Region::new("us-west-2").unwrap(), event)
}

#[test]
fn a_tagged_index_in_a_components_repository_is_deployable() {
    let ImageEvent::Deployable(image) = classified(&push()) else { panic!("must be deployable") };
    assert_eq!(image.component.as_str(), "backend");
    assert_eq!(image.commit.as_str(), "b".repeat(40));
}

#[test]
fn the_documented_event_without_media_types_is_deployable() {
    let event = EcrImageAction { manifest_media_type: None, ..push() };
    assert!(matches!(classified(&event), ImageEvent::Deployable(_)));
}

#[test]
fn t11_children_attestations_and_artifacts_are_ignored() {
    let config = Some("application/vnd.oci.image.config.v1+json".to_owned());
    let manifest = Some("application/vnd.oci.image.manifest.v1+json".to_owned());
    let cases = [
        EcrImageAction {
            image_tag: String::new(),
            manifest_media_type: manifest.clone(),
            artifact_media_type: config,
            ..push()
        },
        EcrImageAction { image_tag: String::new(), ..push() },
        EcrImageAction { result: "FAILURE".to_owned(), ..push() },
        EcrImageAction { action_type: "DELETE".to_owned(), ..push() },
        EcrImageAction {
            manifest_media_type: Some("application/vnd.cncf.notary.signature".to_owned()),
            ..push()
        },
        EcrImageAction {
            manifest_media_type: manifest,
            artifact_media_type: Some("application/vnd.dev.cosign.artifact.sig.v1+json".to_owned()),
            ..push()
        },
        EcrImageAction { image_tag: "branch-main".to_owned(), ..push() },
        EcrImageAction { image_tag: "nightly-2026-11-21".to_owned(), ..push() },
        EcrImageAction { image_tag: "sha-xyz".to_owned(), ..push() },
        EcrImageAction { image_tag: "sha-abc123".to_owned(), ..push() },
        EcrImageAction { image_digest: "sha256:short".to_owned(), ..push() },
    ];
    for event in cases {
        assert!(matches!(classified(&event), ImageEvent::Ignored(_)), "{event:?}");
    }
}

#[test]
fn t40_events_of_other_repositories_accounts_and_regions_are_ignored() {
    let other = EcrImageAction { repository_name: "somebody-elses".to_owned(), ..push() };
    assert!(matches!(classified(&other), ImageEvent::Ignored(_)));
    let (home, away) = (AccountId::new("111122223333").unwrap(), AccountId::new("999922223333").unwrap());
    let (west, east) = (Region::new("us-west-2").unwrap(), Region::new("us-east-1").unwrap());
    for (account, region) in [(&away, &west), (&home, &east), (&away, &east)] {
        assert!(matches!(classify(&exchange(), account, region, &push()), ImageEvent::Ignored(_)));
    }
}

#[test]
fn fields_that_aws_adds_are_let_pass_and_absent_ones_default() {
    let json = r#"{"result":"SUCCESS","repository-name":"exchange-backend-f899186","action-type":"PUSH","new-field":{"x":1}}"#;
    let event: EcrImageAction = serde_json::from_str(json).unwrap();
    assert!(matches!(classified(&event), ImageEvent::Ignored(_)));
}
