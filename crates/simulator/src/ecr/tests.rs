//! The registry as its callers and the event bus see it.

use std::collections::BTreeSet;
use std::sync::Arc;

use gantry_domain::Scale;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

const REPOSITORY: &str = "exchange-backend-f899186";
const COMMIT: &str = "4f2a9c1d0e8b7a6f5c4d3e2b1a0f9e8d7c6b5a4f";
const HOST: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

fn registry(mutability: TagMutability) -> (Arc<Ecr>, UnboundedReceiver<BusEvent>) {
    let (sender, receiver) = unbounded_channel();
    let ecr = Ecr::new("111122223333", "us-west-2", WorldClock::new(Scale::REAL), sender);
    ecr.create_repository(REPOSITORY, mutability);
    (Arc::new(ecr), receiver)
}

fn image(revision: &str) -> PushedImage {
    PushedImage::new(REPOSITORY, [format!("sha-{revision}"), "branch-main".to_owned()], "1.4.0", revision)
}

fn events(receiver: &mut UnboundedReceiver<BusEvent>) -> Vec<Value> {
    let mut details = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        assert_eq!((event.source.as_str(), event.detail_type.as_str()), ("aws.ecr", "ECR Image Action"));
        assert_eq!(event.resources, Vec::<String>::new());
        details.push(event.detail);
    }
    details
}

fn call(ecr: &Ecr, operation: &str, mut input: Value) -> Result<Value, String> {
    if input.get("repositoryName").is_none() && operation != "DescribeRepositories" {
        input["repositoryName"] = Value::from(REPOSITORY);
    }
    ecr.call(operation, &input).map_err(|error| error.code)
}

/// The manifest behind a digest, after checking that the digest is its own.
fn manifest(ecr: &Ecr, digest: &str) -> Value {
    let answer = call(ecr, "BatchGetImage", json!({ "imageIds": [{ "imageDigest": digest }] })).unwrap();
    let text = answer["images"][0]["imageManifest"].as_str().unwrap().to_owned();
    assert_eq!(digest, format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes()))));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_push_leaves_an_index_with_its_image_and_its_attestation() {
    let (ecr, _events) = registry(TagMutability::Immutable);
    let digest = ecr.push(&image(COMMIT)).unwrap();
    let index = manifest(&ecr, &digest);
    assert_eq!(index["mediaType"], OCI_INDEX);
    let [child, attestation] = &index["manifests"].as_array().unwrap()[..] else { panic!("{index}") };
    assert_eq!(child["platform"], json!({ "architecture": "amd64", "os": "linux" }));
    assert_eq!(attestation["platform"], json!({ "architecture": "unknown", "os": "unknown" }));
    assert_eq!(
        attestation["annotations"],
        json!({ "vnd.docker.reference.digest": child["digest"], "vnd.docker.reference.type": "attestation-manifest" })
    );
    for entry in [child, attestation] {
        let inner = manifest(&ecr, entry["digest"].as_str().unwrap());
        assert_eq!(inner["config"]["mediaType"], OCI_CONFIG, "an attestation looks like an image");
    }
    assert_eq!(ecr.push(&image(COMMIT)).unwrap(), digest, "the same image again is the same digest");
}

#[tokio::test]
async fn the_configuration_can_be_downloaded_and_says_what_was_built() {
    let (ecr, _events) = registry(TagMutability::Immutable);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    ecr.set_public_url(format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let router = Arc::clone(&ecr).router();
        let digest = ecr.push(&image(COMMIT).label("gantry.simulator.start", "4s")).unwrap();
        let child = manifest(&ecr, &digest)["manifests"][0]["digest"].as_str().unwrap().to_owned();
        let config = manifest(&ecr, &child)["config"]["digest"].clone();
        let answer = call(&ecr, "GetDownloadUrlForLayer", json!({ "layerDigest": config })).unwrap();
        let url = answer["downloadUrl"].as_str().unwrap().to_owned();
        let fetch = tokio::spawn(async move {
            let found = reqwest::get(&url).await.unwrap().text().await.unwrap();
            (found, reqwest::get(format!("{url}0")).await.unwrap().status())
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let (found, forged) = fetch.await.unwrap();
        server.abort();
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["config"]["Labels"]["org.opencontainers.image.revision"], COMMIT);
        assert_eq!(found["config"]["Labels"]["gantry.simulator.start"], "4s");
        assert_eq!(found["architecture"], "amd64");
        assert_eq!(forged, 403);
    })
    .await
    .unwrap();
}

#[test]
fn t11_one_push_is_several_events_of_which_only_the_tagged_name_something_to_deploy() {
    let (ecr, mut receiver) = registry(TagMutability::Immutable);
    let digest = ecr.push(&image(COMMIT)).unwrap();
    let index = manifest(&ecr, &digest);
    let child = |number: usize| {
        json!({
            "result": "SUCCESS", "repository-name": REPOSITORY, "action-type": "PUSH", "image-tag": "",
            "image-digest": index["manifests"][number]["digest"],
            "manifest-media-type": OCI_MANIFEST, "artifact-media-type": OCI_CONFIG,
        })
    };
    let whole = |tag: &str| {
        json!({
            "result": "SUCCESS", "repository-name": REPOSITORY, "action-type": "PUSH", "image-tag": tag,
            "image-digest": digest, "manifest-media-type": OCI_INDEX,
        })
    };
    let expected = vec![child(0), child(1), whole(&format!("sha-{COMMIT}")), whole("branch-main"), whole("")];
    assert_eq!(events(&mut receiver), expected);
    ecr.push(&image(COMMIT)).unwrap();
    assert_eq!(events(&mut receiver), Vec::<Value>::new(), "nothing new was pushed");
}

#[test]
fn t11_a_plain_image_is_one_event_per_tag_with_both_media_types() {
    let (ecr, mut receiver) = registry(TagMutability::Immutable);
    let plain = PushedImage { attestations: false, ..image(COMMIT) };
    let digest = ecr.push(&plain).unwrap();
    assert_eq!(manifest(&ecr, &digest)["mediaType"], OCI_MANIFEST);
    let told = events(&mut receiver);
    let tags: Vec<&Value> = told.iter().map(|detail| &detail["image-tag"]).collect();
    assert_eq!(tags, [&json!(format!("sha-{COMMIT}")), &json!("branch-main")]);
    assert!(
        told.iter()
            .all(|detail| detail["artifact-media-type"] == OCI_CONFIG && detail["image-digest"] == digest)
    );
}

#[test]
fn t10_events_come_shuffled_doubled_shortened_or_not_at_all_as_delivery_says() {
    let (ecr, mut receiver) = registry(TagMutability::Mutable);
    let mut number = 0;
    let mut push = |delivery: Delivery| {
        number += 1;
        ecr.set_delivery(delivery);
        ecr.push(&image(&format!("{number:040}"))).unwrap();
        events(&mut receiver)
    };
    let plain = push(Delivery::default());
    let key = |detail: &Value| (detail["manifest-media-type"] == OCI_INDEX, detail["image-tag"] == "");
    let order = |details: &[Value]| details.iter().map(key).collect::<Vec<_>>();

    let twice = push(Delivery { duplicates: 1, ..Delivery::default() });
    assert_eq!(twice.len(), 2 * plain.len());
    let orders: BTreeSet<_> = (0..20)
        .map(|seed| order(&push(Delivery { shuffle_seed: Some(seed), ..Delivery::default() })))
        .collect();
    assert!(orders.len() > 5, "{} orders from 20 seeds", orders.len());
    assert!(orders.iter().all(|order| order.len() == plain.len()));
    let short = push(Delivery { omit_media_types: true, omit_untagged: true, ..Delivery::default() });
    assert_eq!(short.len(), 2);
    assert!(short.iter().all(|detail| detail.as_object().unwrap().len() == 5), "{short:?}");
    assert_eq!(push(Delivery { lose_all: true, ..Delivery::default() }), Vec::<Value>::new());
}

#[test]
fn an_image_is_found_by_tag_and_by_digest_with_the_labels_of_its_child() {
    let (ecr, _events) = registry(TagMutability::Immutable);
    let two = PushedImage { platforms: vec!["linux/arm64/v8".into(), "linux/amd64".into()], ..image(COMMIT) };
    let digest = ecr.push(&two).unwrap();
    let by_digest = ecr.resolve(&format!("{HOST}/{REPOSITORY}@{digest}")).unwrap();
    assert_eq!(by_digest.digest, digest, "the index, not its child");
    assert_eq!(by_digest.labels["org.opencontainers.image.version"], "1.4.0");
    assert_eq!(by_digest.labels["org.opencontainers.image.revision"], COMMIT);
    assert_eq!(ecr.resolve(&format!("{HOST}/{REPOSITORY}:branch-main")), Some(by_digest.clone()));
    assert_eq!(ecr.resolve(&format!("{HOST}/{REPOSITORY}:other@{digest}")), Some(by_digest));
    let index = manifest(&ecr, &digest);
    let child = index["manifests"][0]["digest"].as_str().unwrap();
    assert_eq!(ecr.resolve(&format!("{HOST}/{REPOSITORY}@{child}")).unwrap().digest, child);

    let zeros = format!("{HOST}/{REPOSITORY}@sha256:{:064}", 0);
    let elsewhere = format!("docker.io/{REPOSITORY}@{digest}");
    let unknown = format!("{HOST}/exchange-nothing:branch-main");
    for reference in
        [zeros.as_str(), &elsewhere, &unknown, REPOSITORY, "", &format!("{HOST}/{REPOSITORY}:none")]
    {
        assert_eq!(ecr.resolve(reference), None, "{reference}");
    }
}

#[test]
fn t01_a_tag_moves_where_tags_are_mutable_and_only_there() {
    let (ecr, mut receiver) = registry(TagMutability::Mutable);
    let first = ecr.push(&image(COMMIT)).unwrap();
    let second = ecr.push(&image("0000000000000000000000000000000000000000")).unwrap();
    let main = format!("{HOST}/{REPOSITORY}:branch-main");
    assert_eq!(ecr.resolve(&main).unwrap().digest, second);
    events(&mut receiver);
    ecr.retag(REPOSITORY, "branch-main", &first).unwrap();
    assert_eq!(ecr.resolve(&main).unwrap().digest, first);
    let told = events(&mut receiver);
    assert_eq!(
        (told.len(), &told[0]["image-tag"], &told[0]["image-digest"]),
        (1, &json!("branch-main"), &json!(first))
    );

    ecr.create_repository(REPOSITORY, TagMutability::Immutable);
    let refused = ecr.retag(REPOSITORY, "branch-main", &second).unwrap_err();
    assert_eq!(refused.code, "ImageTagAlreadyExistsException");
    let refused = ecr.push(&image("1111111111111111111111111111111111111111")).unwrap_err();
    assert_eq!(refused.code, "ImageTagAlreadyExistsException");
    assert_eq!(ecr.resolve(&main).unwrap().digest, first);
    assert_eq!(ecr.retag(REPOSITORY, "x", "sha256:00").unwrap_err().code, "ImageNotFoundException");
}

#[test]
fn a_tag_that_is_excluded_from_immutability_moves_while_the_others_stay() {
    let (ecr, mut receiver) = registry(TagMutability::ImmutableExcept(vec!["branch-*".to_owned()]));
    ecr.push(&image(COMMIT)).unwrap();
    let second = ecr.push(&image("0000000000000000000000000000000000000000")).unwrap();
    assert_eq!(ecr.resolve(&format!("{HOST}/{REPOSITORY}:branch-main")).unwrap().digest, second);
    let refused = ecr.retag(REPOSITORY, &format!("sha-{COMMIT}"), &second).unwrap_err();
    assert_eq!(refused.code, "ImageTagAlreadyExistsException");
    let answer = call(&ecr, "DescribeRepositories", json!({})).unwrap();
    assert_eq!(answer["repositories"][0]["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(
        answer["repositories"][0]["imageTagMutabilityExclusionFilters"],
        json!([{ "filterType": "WILDCARD", "filter": "branch-*" }])
    );

    events(&mut receiver);
    let taken = PushedImage {
        tags: vec![format!("sha-{COMMIT}")],
        ..image("2222222222222222222222222222222222222222")
    };
    assert!(ecr.push(&taken).is_err());
    let tags: Vec<Value> = events(&mut receiver).iter().map(|detail| detail["image-tag"].clone()).collect();
    assert_eq!(tags, ["", ""], "the children were pushed before the tag was refused");
}

#[test]
fn images_are_described_by_id_by_filter_and_page_by_page() {
    let (ecr, _events) = registry(TagMutability::Immutable);
    let digest = ecr.push(&image(COMMIT)).unwrap();
    let by_tag =
        call(&ecr, "DescribeImages", json!({ "imageIds": [{ "imageTag": "branch-main" }] })).unwrap();
    let detail = &by_tag["imageDetails"][0];
    assert_eq!(detail["imageDigest"], json!(digest));
    assert_eq!(detail["imageTags"], json!(["branch-main", format!("sha-{COMMIT}")]));
    assert_eq!(detail["imageManifestMediaType"], OCI_INDEX);
    assert_eq!(detail.get("artifactMediaType"), None);
    assert!(
        detail["imagePushedAt"].as_f64().unwrap() > 1.7e9 && detail["imageSizeInBytes"].as_u64().unwrap() > 0
    );

    let count = |filter: &str| {
        let answer = call(&ecr, "DescribeImages", json!({ "filter": { "tagStatus": filter } })).unwrap();
        answer["imageDetails"].as_array().unwrap().len()
    };
    assert_eq!((count("TAGGED"), count("UNTAGGED"), count("ANY")), (1, 2, 3));

    let mut seen = BTreeSet::new();
    let mut input = json!({ "maxResults": 2 });
    let mut pages = 0;
    loop {
        let page = call(&ecr, "DescribeImages", input.clone()).unwrap();
        pages += 1;
        seen.extend(
            page["imageDetails"].as_array().unwrap().iter().map(|detail| detail["imageDigest"].to_string()),
        );
        let Some(token) = page.get("nextToken") else { break };
        input["nextToken"] = token.clone();
    }
    assert_eq!((pages, seen.len()), (2, 3));
    let ids = call(&ecr, "ListImages", json!({ "filter": { "tagStatus": "TAGGED" } })).unwrap();
    assert_eq!(ids["imageIds"].as_array().unwrap().len(), 2, "one id per tag");
}

#[test]
fn a_read_that_makes_no_sense_gets_awss_own_error() {
    let (ecr, _events) = registry(TagMutability::Immutable);
    ecr.push(&image(COMMIT)).unwrap();
    let unknown = format!("sha256:{:064}", 0);
    let one = |id: Value| json!({ "imageIds": [id] });
    let rows = [
        ("DescribeImages", json!({ "repositoryName": "nothing" }), "RepositoryNotFoundException"),
        ("DescribeImages", json!({ "registryId": "999999999999" }), "RepositoryNotFoundException"),
        ("DescribeImages", json!({ "repositoryName": "x" }), "InvalidParameterException"),
        ("DescribeImages", json!({ "repositoryName": "Exchange" }), "InvalidParameterException"),
        ("DescribeImages", json!({ "repositoryName": "exchange//backend" }), "InvalidParameterException"),
        ("DescribeImages", json!({ "repositoryName": null }), "InvalidParameterException"),
        ("DescribeImages", json!({ "repositoryName": 7 }), "SerializationException"),
        ("DescribeImages", one(json!({ "imageDigest": unknown })), "ImageNotFoundException"),
        ("DescribeImages", one(json!({ "imageTag": "none" })), "ImageNotFoundException"),
        ("DescribeImages", one(json!({ "imageDigest": "sha256" })), "InvalidParameterException"),
        ("DescribeImages", one(json!({ "imageDigest": "sha256:xyz" })), "InvalidParameterException"),
        ("DescribeImages", one(json!({ "imageDigest": "" })), "InvalidParameterException"),
        ("DescribeImages", json!({ "imageIds": [] }), "InvalidParameterException"),
        ("DescribeImages", json!({ "imageIds": {} }), "SerializationException"),
        ("DescribeImages", json!({ "maxResults": 0 }), "InvalidParameterException"),
        ("DescribeImages", json!({ "maxResults": 1001 }), "InvalidParameterException"),
        ("DescribeImages", json!({ "nextToken": "garbage" }), "InvalidParameterException"),
        ("DescribeImages", json!({ "filter": { "tagStatus": "SOME" } }), "InvalidParameterException"),
        (
            "DescribeImages",
            json!({ "imageIds": [{ "imageTag": "x" }], "maxResults": 5 }),
            "InvalidParameterException",
        ),
        ("BatchGetImage", json!({}), "InvalidParameterException"),
        ("BatchGetImage", one(json!({ "imageDigest": "latest" })), "InvalidParameterException"),
        ("GetDownloadUrlForLayer", json!({ "layerDigest": unknown }), "LayersNotFoundException"),
        ("GetDownloadUrlForLayer", json!({ "layerDigest": "x" }), "InvalidParameterException"),
        ("DescribeRepositories", json!({ "repositoryNames": ["nothing"] }), "RepositoryNotFoundException"),
    ];
    for (operation, input, code) in rows {
        assert_eq!(call(&ecr, operation, input.clone()), Err(code.to_owned()), "{operation} {input}");
    }
}

#[test]
fn a_batch_answers_what_it_finds_and_names_what_it_does_not() {
    let (ecr, _events) = registry(TagMutability::Immutable);
    let digest = ecr.push(&image(COMMIT)).unwrap();
    let unknown = format!("sha256:{:064}", 0);
    let ids = json!([
        { "imageTag": "branch-main" },
        { "imageDigest": unknown },
        { "imageTag": "branch-main", "imageDigest": unknown },
        {},
    ]);
    let answer = call(&ecr, "BatchGetImage", json!({ "imageIds": ids })).unwrap();
    assert_eq!(answer["images"][0]["imageId"], json!({ "imageDigest": digest, "imageTag": "branch-main" }));
    assert_eq!(answer["images"][0]["imageManifestMediaType"], OCI_INDEX);
    let failures: Vec<&Value> =
        answer["failures"].as_array().unwrap().iter().map(|failure| &failure["failureCode"]).collect();
    assert_eq!(failures, ["ImageNotFound", "ImageTagDoesNotMatchDigest", "MissingDigestAndTag"]);
    assert_eq!(answer["failures"][0]["imageId"], json!({ "imageDigest": unknown }));

    let only = |kinds: Value| {
        let input = json!({ "imageIds": [{ "imageDigest": digest }], "acceptedMediaTypes": kinds });
        call(&ecr, "BatchGetImage", input).unwrap()["images"].as_array().unwrap().len()
    };
    assert_eq!((only(json!([OCI_MANIFEST])), only(json!([OCI_MANIFEST, OCI_INDEX]))), (0, 1));
}

#[test]
fn an_image_is_put_once_with_its_own_digest_and_after_what_it_refers_to() {
    let (ecr, mut receiver) = registry(TagMutability::Immutable);
    let digest = ecr.push(&image(COMMIT)).unwrap();
    let whole = manifest(&ecr, &digest).to_string();
    events(&mut receiver);
    let orphan = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{ "digest": format!("sha256:{:064}", 1) }] });
    let hollow = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": { "digest": format!("sha256:{:064}", 1) } });
    let other = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
    let rows = [
        (json!({ "imageManifest": whole }), "ImageAlreadyExistsException"),
        (json!({ "imageManifest": whole, "imageTag": "branch-main" }), "ImageAlreadyExistsException"),
        (
            json!({ "imageManifest": other.to_string(), "imageTag": "branch-main" }),
            "ImageTagAlreadyExistsException",
        ),
        (
            json!({ "imageManifest": other.to_string(), "imageDigest": digest }),
            "ImageDigestDoesNotMatchException",
        ),
        (json!({ "imageManifest": orphan.to_string() }), "ReferencedImagesNotFoundException"),
        (json!({ "imageManifest": hollow.to_string() }), "LayersNotFoundException"),
        (json!({ "imageManifest": "no JSON" }), "InvalidParameterException"),
        (
            json!({ "imageManifest": whole, "imageManifestMediaType": OCI_MANIFEST }),
            "InvalidParameterException",
        ),
    ];
    for (input, code) in rows {
        assert_eq!(call(&ecr, "PutImage", input.clone()), Err(code.to_owned()), "{input}");
    }
    assert_eq!(events(&mut receiver), Vec::<Value>::new(), "a refused push is no event");
    let again =
        call(&ecr, "PutImage", json!({ "imageManifest": whole, "imageTag": "nightly-2026-11-21" })).unwrap();
    assert_eq!(again["image"]["imageId"], json!({ "imageDigest": digest, "imageTag": "nightly-2026-11-21" }));
    let told = events(&mut receiver);
    assert_eq!((told.len(), &told[0]["image-tag"]), (1, &json!("nightly-2026-11-21")));
}

#[test]
fn a_deleted_image_is_gone_with_its_last_tag_unless_an_index_needs_it() {
    let (ecr, mut receiver) = registry(TagMutability::Immutable);
    let digest = ecr.push(&image(COMMIT)).unwrap();
    let child = manifest(&ecr, &digest)["manifests"][0]["digest"].clone();
    events(&mut receiver);
    let delete = |id: Value| call(&ecr, "BatchDeleteImage", json!({ "imageIds": [id] })).unwrap();

    let needed = delete(json!({ "imageDigest": child }));
    assert_eq!(needed["failures"][0]["failureCode"], "ImageReferencedByManifestList");
    assert_eq!(delete(json!({ "imageTag": "branch-main" }))["imageIds"].as_array().unwrap().len(), 1);
    assert!(ecr.resolve(&format!("{HOST}/{REPOSITORY}@{digest}")).is_some(), "another tag still holds it");
    delete(json!({ "imageTag": format!("sha-{COMMIT}") }));
    assert_eq!(ecr.resolve(&format!("{HOST}/{REPOSITORY}@{digest}")), None);
    assert_eq!(delete(json!({ "imageDigest": child }))["failures"], json!([]));
    let actions: Vec<Value> =
        events(&mut receiver).iter().map(|detail| detail["action-type"].clone()).collect();
    assert_eq!(actions, ["DELETE"; 3]);
}

#[test]
fn iam_is_asked_about_the_repository_of_each_call() {
    let (ecr, _events) = registry(TagMutability::Immutable);
    let asked = |operation: &str, input: Value| -> Vec<(String, String)> {
        let checks = ecr.authorization(operation, &input);
        checks.into_iter().map(|check| (check.action, check.resource)).collect()
    };
    let arn = |name: &str| format!("arn:aws:ecr:us-west-2:111122223333:repository/{name}");
    let one = json!({ "repositoryName": "a" });
    assert_eq!(asked("DescribeImages", one), [("ecr:DescribeImages".to_owned(), arn("a"))]);
    let two = json!({ "repositoryNames": ["a", "b"] });
    let action = || "ecr:DescribeRepositories".to_owned();
    assert_eq!(asked("DescribeRepositories", two), [(action(), arn("a")), (action(), arn("b"))]);
    assert_eq!(asked("DescribeRepositories", json!({})), [(action(), arn("*"))]);
    assert_eq!(asked("PutImage", json!({})), [("ecr:PutImage".to_owned(), arn("*"))]);
    assert_eq!(asked("DeleteRepository", json!({ "repositoryName": "a" })), []);
}

#[test]
fn a_page_sees_tagged_images_newest_first_and_hears_of_changes() {
    let (ecr, _events) = registry(TagMutability::Mutable);
    let mut changes = ecr.subscribe();
    changes.borrow_and_update();
    let first = ecr.push(&image(COMMIT)).unwrap();
    assert!(changes.has_changed().unwrap());
    let second = ecr.push(&image("0000000000000000000000000000000000000000")).unwrap();
    let [repository] = &ecr.snapshot()[..] else { panic!("one repository") };
    let shown: Vec<&str> = repository.images.iter().map(|image| image.digest.as_str()).collect();
    assert_eq!((repository.name.as_str(), shown), (REPOSITORY, vec![second.as_str(), first.as_str()]));
    assert_eq!(repository.images[1].tags, [format!("sha-{COMMIT}")]);
    assert_eq!(repository.images[0].labels["org.opencontainers.image.version"], "1.4.0");
}
