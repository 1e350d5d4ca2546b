//! Manifests: what may be put, what comes of it, and that it is the same store ECR's own API reads.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Answered, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, OTHER, REPOSITORY, Served, digest};
use crate::aws::JsonService;
use crate::ecr::PushedImage;
use crate::images::ImageCatalog;

const HOST: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com";
const TAG: &str = "sha-4f2a9c1d0e8b7a6f5c4d3e2b1a0f9e8d7c6b5a4f";

fn event(digest: &str, tag: &str) -> Value {
    json!({
        "result": "SUCCESS", "repository-name": REPOSITORY, "image-digest": digest, "action-type": "PUSH",
        "image-tag": tag, "manifest-media-type": OCI_MANIFEST, "artifact-media-type": OCI_CONFIG,
    })
}

fn described(manifest: &Value, platform: Value) -> Value {
    json!({
        "mediaType": manifest["mediaType"], "digest": digest(manifest), "size": manifest.to_string().len(),
        "platform": platform,
    })
}

fn index(children: Vec<Value>) -> Value {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children })
}

#[tokio::test]
async fn t11_a_pushed_image_is_one_event_and_stands_in_ecrs_own_api() {
    let mut served = Served::start().await;
    let labels = json!({ "gantry.simulator.exit-code": "3", "org.opencontainers.image.version": "2.0.0" });
    let manifest = served.image(REPOSITORY, &labels).await;
    assert_eq!(served.told(), Vec::<Value>::new(), "blobs are no images");
    let put = served.put(REPOSITORY, TAG, &manifest).await;
    let digest = digest(&manifest);
    assert_eq!((put.status, put.header("docker-content-digest")), (201, digest.as_str()));
    assert_eq!(put.header("location"), format!("/v2/{REPOSITORY}/manifests/{digest}"));
    assert_eq!(served.told(), [event(&digest, TAG)]);

    let input = json!({ "repositoryName": REPOSITORY, "imageIds": [{ "imageTag": TAG }] });
    let detail = served.ecr.call("DescribeImages", &input).unwrap()["imageDetails"][0].clone();
    assert_eq!(detail["imageDigest"], json!(digest));
    assert_eq!(detail["imageTags"], json!([TAG]));
    assert_eq!(
        (&detail["imageManifestMediaType"], &detail["artifactMediaType"]),
        (&json!(OCI_MANIFEST), &json!(OCI_CONFIG))
    );
    let pushed_at = detail["imagePushedAt"].as_f64().unwrap();
    assert!((jiff::Timestamp::now().as_duration().as_secs_f64() - pushed_at).abs() < 60.0);
    let blobs: u64 =
        manifest["config"]["size"].as_u64().unwrap() + manifest["layers"][0]["size"].as_u64().unwrap();
    assert_eq!(detail["imageSizeInBytes"], json!(blobs + manifest.to_string().len() as u64));
    let whole = served.ecr.call("BatchGetImage", &input).unwrap();
    assert_eq!(whole["images"][0]["imageManifest"], json!(manifest.to_string()), "byte for byte");

    let facts = served.ecr.resolve(&format!("{HOST}/{REPOSITORY}@{digest}")).unwrap();
    assert_eq!(serde_json::to_value(facts.labels).unwrap(), labels, "tasks behave as its configuration says");

    for reference in [TAG, digest.as_str()] {
        for method in [Method::GET, Method::HEAD] {
            let got = served.ask(method.clone(), &format!("{REPOSITORY}/manifests/{reference}")).await;
            let head = (got.status, got.header("content-type"), got.header("docker-content-digest"));
            assert_eq!(head, (200, OCI_MANIFEST, digest.as_str()));
            assert_eq!(got.header("content-length"), manifest.to_string().len().to_string());
            let body = if method == Method::GET { manifest.to_string() } else { String::new() };
            assert_eq!(got.body, body.as_bytes());
        }
    }
}

#[tokio::test]
async fn t11_the_children_of_an_index_are_told_without_a_tag() {
    let mut served = Served::start().await;
    let image = served.image(REPOSITORY, &json!({ "is": "the image" })).await;
    let attestation = served.image(REPOSITORY, &Value::Null).await;
    for child in [&attestation, &image] {
        assert_eq!(served.put(REPOSITORY, &digest(child), child).await.status, 201);
    }
    let unknown = json!({ "architecture": "unknown", "os": "unknown" });
    let amd64 = json!({ "architecture": "amd64", "os": "linux" });
    let index = index(vec![described(&attestation, unknown), described(&image, amd64)]);
    assert_eq!(served.put(REPOSITORY, TAG, &index).await.status, 201);
    let whole = json!({
        "result": "SUCCESS", "repository-name": REPOSITORY, "image-digest": digest(&index), "action-type": "PUSH",
        "image-tag": TAG, "manifest-media-type": OCI_INDEX,
    });
    assert_eq!(served.told(), [event(&digest(&attestation), ""), event(&digest(&image), ""), whole]);
    let facts = served.ecr.resolve(&format!("{HOST}/{REPOSITORY}:{TAG}")).unwrap();
    assert_eq!((facts.digest, facts.labels["is"].as_str()), (digest(&index), "the image"));
    let alone = served.ecr.resolve(&format!("{HOST}/{REPOSITORY}@{}", digest(&attestation))).unwrap();
    assert!(alone.labels.is_empty(), "Docker writes null where there are no labels");
}

#[tokio::test]
async fn a_manifest_is_refused_before_what_it_refers_to() {
    let mut served = Served::start().await;
    let image = served.image(REPOSITORY, &json!({})).await;
    let missing = index(vec![described(&image, json!({}))]);
    let refused = served.put(REPOSITORY, TAG, &missing).await;
    assert_eq!(refused.refusal(), (404, "MANIFEST_BLOB_UNKNOWN".to_owned()));
    assert!(refused.message().contains(&digest(&image)), "{}", refused.message());
    let elsewhere = served.put(OTHER, "main", &image).await;
    assert_eq!(
        elsewhere.refusal(),
        (404, "MANIFEST_BLOB_UNKNOWN".to_owned()),
        "its blobs are in another repository"
    );
    let mut foreign = image.clone();
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "size": 1,
        "digest": format!("sha256:{:064}", 7), "urls": ["https://layers.example/7"],
    });
    foreign["layers"].as_array_mut().unwrap().push(layer);
    assert_eq!(served.put(REPOSITORY, "windows", &foreign).await.status, 201, "some layers stay elsewhere");
    let tags: Vec<Value> = served.told().iter().map(|detail| detail["image-tag"].clone()).collect();
    assert_eq!(tags, ["windows"]);
}

#[tokio::test]
async fn a_manifest_must_be_what_it_says_and_what_its_digest_names() {
    let mut served = Served::start().await;
    let image = served.image(REPOSITORY, &json!({})).await;
    let send = async |reference: &str, media_type: Option<&str>, body: String| -> Answered {
        let request = served.to(Method::PUT, &format!("{REPOSITORY}/manifests/{reference}")).body(body);
        served
            .send(match media_type {
                Some(kind) => request.header("content-type", kind),
                None => request,
            })
            .await
    };
    let text = image.to_string();
    let wrong = format!("sha256:{:064}", 0);
    let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let unstated =
        json!({ "schemaVersion": 2, "config": image["config"], "layers": image["layers"] }).to_string();
    let rows = [
        (wrong.as_str(), Some(OCI_MANIFEST), text.clone()),
        ("x", Some(OCI_INDEX), text.clone()),
        ("x", Some(schema1), unstated.clone()),
        ("x", None, unstated.clone()),
        ("x", Some(OCI_MANIFEST), "no JSON".to_owned()),
        ("x", Some(OCI_MANIFEST), "{}".to_owned()),
        ("x", Some(OCI_MANIFEST), json!({ "mediaType": OCI_MANIFEST, "config": {} }).to_string()),
    ];
    for (reference, media_type, body) in rows {
        let refused = send(reference, media_type, body.clone()).await;
        assert_eq!(
            refused.refusal(),
            (400, "MANIFEST_INVALID".to_owned()),
            "{reference} {media_type:?} {body}"
        );
    }
    let request = served.to(Method::PUT, &format!("{REPOSITORY}/manifests/x")).body(vec![0xff, 0xfe]);
    assert_eq!(served.send(request).await.refusal().1, "MANIFEST_INVALID");
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    assert_eq!(
        send("docker", Some(docker), unstated).await.status,
        201,
        "the header says what the manifest does not"
    );
    let of_docker = served.ask(Method::HEAD, &format!("{REPOSITORY}/manifests/docker")).await;
    assert_eq!(of_docker.header("content-type"), docker);
    assert_eq!(served.told().len(), 1);
}

#[tokio::test]
async fn t01_a_tag_stays_where_tags_are_immutable_and_the_same_push_again_changes_nothing() {
    let mut served = Served::start().await;
    let first = served.image(REPOSITORY, &json!({ "number": "1" })).await;
    let second = served.image(REPOSITORY, &json!({ "number": "2" })).await;
    assert_eq!(served.put(REPOSITORY, TAG, &first).await.status, 201);
    served.told();
    assert_eq!(served.put(REPOSITORY, TAG, &first).await.status, 201, "whoever tries again is not punished");
    assert_eq!(served.put(REPOSITORY, &digest(&first), &first).await.status, 201);
    let refused = served.put(REPOSITORY, TAG, &second).await;
    assert_eq!(refused.refusal(), (400, "TAG_INVALID".to_owned()));
    assert_eq!(
        refused.message(),
        format!(
            "The image tag '{TAG}' already exists in the '{REPOSITORY}' repository and cannot be overwritten because \
             the tag is immutable."
        )
    );
    assert_eq!(served.told(), Vec::<Value>::new());
    let held = served.ask(Method::HEAD, &format!("{REPOSITORY}/manifests/{TAG}")).await;
    assert_eq!(held.header("docker-content-digest"), digest(&first));

    let (first, second) = (
        served.image(OTHER, &json!({ "number": "1" })).await,
        served.image(OTHER, &json!({ "number": "2" })).await,
    );
    for image in [&first, &second] {
        assert_eq!(served.put(OTHER, "main", image).await.status, 201);
    }
    let moved = served.ask(Method::HEAD, &format!("{OTHER}/manifests/main")).await;
    assert_eq!(moved.header("docker-content-digest"), digest(&second));
    assert_eq!(served.told().len(), 2);
}

#[tokio::test]
async fn tags_are_listed_in_order_and_page_by_page_whoever_pushed_them() {
    let served = Served::start().await;
    let manifest = served.image(REPOSITORY, &json!({})).await;
    for tag in ["c", "a", "e"] {
        served.put(REPOSITORY, tag, &manifest).await;
    }
    served.ecr.push(&PushedImage::new(REPOSITORY, ["b", "d"], "1.0.0", "4f2a9c1")).unwrap();
    let all = served.ask(Method::GET, &format!("{REPOSITORY}/tags/list")).await;
    assert_eq!(all.json(), json!({ "name": REPOSITORY, "tags": ["a", "b", "c", "d", "e"] }));
    assert_eq!(all.header("link"), "");

    let mut path = format!("{REPOSITORY}/tags/list?n=2");
    let mut pages = Vec::new();
    loop {
        let page = served.ask(Method::GET, &path).await;
        pages.push(page.json()["tags"].clone());
        let link = page.header("link").to_owned();
        let Some(next) = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")) else {
            break;
        };
        path = next.to_owned();
    }
    assert_eq!(pages, [json!(["a", "b"]), json!(["c", "d"]), json!(["e"])]);
    let after = served.ask(Method::GET, &format!("{REPOSITORY}/tags/list?n=9&last=c")).await;
    assert_eq!(after.json()["tags"], json!(["d", "e"]));
    assert_eq!(
        served.ask(Method::GET, &format!("{REPOSITORY}/tags/list?n=0")).await.json()["tags"],
        json!([])
    );

    // What CI pushed without HTTP is pulled over it.
    let whole = served.ask(Method::GET, &format!("{REPOSITORY}/manifests/b")).await;
    let child = whole.json()["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let child = served.ask(Method::GET, &format!("{REPOSITORY}/manifests/{child}")).await.json();
    let config = child["config"]["digest"].as_str().unwrap();
    let link = served.ask(Method::GET, &format!("{REPOSITORY}/blobs/{config}")).await;
    let config = reqwest::get(link.header("location")).await.unwrap().text().await.unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.0.0");
}
