//! Blobs on their way in, and out again.

use reqwest::Method;
use serde_json::json;

use super::support::{OTHER, REPOSITORY, Served};
use crate::ecr::blobs::Limits;
use crate::ecr::store::digest_of;

const LAYER: &[u8] = b"0123456789abcdefghij";

fn uploads(repository: &str) -> String {
    format!("{repository}/blobs/uploads/")
}

async fn has(served: &Served, repository: &str, digest: &str) -> bool {
    let answer = served.ask(Method::HEAD, &format!("{repository}/blobs/{digest}")).await;
    assert!(answer.body.is_empty());
    answer.status == 200
}

#[tokio::test]
async fn a_blob_is_uploaded_in_chunks_that_continue_each_other() {
    let served = Served::start().await;
    let begun = served.ask(Method::POST, &uploads(REPOSITORY)).await;
    let location = begun.header("location").to_owned();
    assert_eq!((begun.status, begun.header("range")), (202, "0-0"));
    assert!(location.ends_with(begun.header("docker-upload-uuid")), "{location}");

    let chunk = async |range: &str, bytes: &'static [u8]| {
        let request = served.to(Method::PATCH, &location).header("content-range", range);
        served.send(request.body(bytes)).await
    };
    let first = chunk("0-7", &LAYER[..8]).await;
    assert_eq!(
        (first.status, first.header("range"), first.header("location")),
        (202, "0-7", location.as_str())
    );
    for (range, bytes) in [("0-7", &LAYER[..8]), ("9-12", &LAYER[9..13]), ("8-19", &LAYER[8..13])] {
        let refused = chunk(range, bytes).await;
        assert_eq!(refused.refusal(), (416, "BLOB_UPLOAD_INVALID".to_owned()), "{range}");
        assert_eq!(refused.header("range"), "0-7");
    }
    for range in ["", "x-9", "12-8", "8"] {
        assert_eq!(chunk(range, &LAYER[8..12]).await.refusal().0, 400, "{range}");
    }
    let status = served.ask(Method::GET, &location).await;
    assert_eq!((status.status, status.header("range")), (204, "0-7"));
    assert_eq!(chunk("8-12", &LAYER[8..13]).await.header("range"), "0-12");

    let digest = digest_of(LAYER);
    let end = served.to(Method::PUT, &format!("{location}?digest={digest}")).header("content-range", "13-19");
    let end = served.send(end.body(&LAYER[13..])).await;
    assert_eq!(end.status, 201);
    assert_eq!(end.header("location"), format!("/v2/{REPOSITORY}/blobs/{digest}"));
    assert!(has(&served, REPOSITORY, &digest).await);
    assert_eq!(served.ask(Method::GET, &location).await.refusal().1, "BLOB_UPLOAD_UNKNOWN", "it has ended");
}

#[tokio::test]
async fn a_blob_is_uploaded_at_once_in_either_way_and_comes_back_as_it_was() {
    let served = Served::start().await;
    let digest = digest_of(LAYER);
    let begun = served.ask(Method::POST, &uploads(REPOSITORY)).await;
    let whole = served.to(Method::PUT, &format!("{}?digest={digest}", begun.header("location")));
    assert_eq!(served.send(whole.body(LAYER)).await.status, 201);
    let single = served.to(Method::POST, &format!("{}?digest={digest}", uploads(OTHER)));
    assert_eq!(served.send(single.body(LAYER)).await.status, 201);

    for repository in [REPOSITORY, OTHER] {
        let path = format!("{repository}/blobs/{digest}");
        let head = served.ask(Method::HEAD, &path).await;
        assert_eq!((head.status, head.header("content-length")), (200, "20"));
        assert_eq!(head.header("docker-content-digest"), digest);
        let sent_on = served.ask(Method::GET, &path).await;
        assert_eq!(sent_on.status, 307);
        let link = sent_on.header("location");
        assert_eq!(reqwest::get(link).await.unwrap().bytes().await.unwrap(), LAYER);
        assert_eq!(reqwest::get(format!("{link}0")).await.unwrap().status(), 403);
    }
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = served.upload(REPOSITORY, &large).await;
    let link = served.ask(Method::GET, &format!("{REPOSITORY}/blobs/{digest}")).await;
    assert_eq!(reqwest::get(link.header("location")).await.unwrap().bytes().await.unwrap(), large);
}

#[tokio::test]
async fn a_blob_that_is_not_the_one_its_digest_names_is_not_kept() {
    let served = Served::start().await;
    let digest = digest_of(b"something else");
    for wrong in [digest.as_str(), "sha256:0", "", "md5:00"] {
        let begun = served.ask(Method::POST, &uploads(REPOSITORY)).await;
        let put = served.to(Method::PUT, &format!("{}?digest={wrong}", begun.header("location")));
        assert_eq!(
            served.send(put.body(LAYER)).await.refusal(),
            (400, "DIGEST_INVALID".to_owned()),
            "{wrong}"
        );
        let posted = served.to(Method::POST, &format!("{}?digest={wrong}", uploads(REPOSITORY)));
        assert_eq!(served.send(posted.body(LAYER)).await.refusal(), (400, "DIGEST_INVALID".to_owned()));
    }
    assert!(!has(&served, REPOSITORY, &digest).await && !has(&served, REPOSITORY, &digest_of(LAYER)).await);
}

#[tokio::test]
async fn an_upload_that_is_cancelled_leaves_nothing() {
    let served = Served::start().await;
    let begun = served.ask(Method::POST, &uploads(REPOSITORY)).await;
    let location = begun.header("location");
    served.send(served.to(Method::PATCH, location).body(LAYER)).await;
    assert_eq!(served.files(), 1);
    let elsewhere = location.replace(REPOSITORY, OTHER);
    assert_eq!(served.ask(Method::DELETE, &elsewhere).await.refusal().1, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(served.ask(Method::DELETE, location).await.status, 204);
    assert_eq!(served.files(), 0);
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        assert_eq!(served.ask(method, location).await.refusal().1, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[tokio::test]
async fn a_blob_is_taken_over_from_an_image_of_another_repository() {
    let served = Served::start().await;
    let manifest = served.image(OTHER, &json!({})).await;
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    let mount = format!("{}?mount={layer}&from={OTHER}", uploads(REPOSITORY));
    assert_eq!(served.ask(Method::POST, &mount).await.status, 202, "no image consists of it yet");
    assert!(!has(&served, REPOSITORY, &layer).await);

    assert_eq!(served.put(OTHER, "main", &manifest).await.status, 201);
    let mounted = served.ask(Method::POST, &mount).await;
    assert_eq!((mounted.status, mounted.header("docker-content-digest")), (201, layer.as_str()));
    assert_eq!(mounted.header("location"), format!("/v2/{REPOSITORY}/blobs/{layer}"));
    assert!(has(&served, REPOSITORY, &layer).await);

    let config = manifest["config"]["digest"].as_str().unwrap();
    for from in ["nothing", "NO", REPOSITORY] {
        let path = format!("{}?mount={config}&from={from}", uploads(REPOSITORY));
        assert_eq!(served.ask(Method::POST, &path).await.status, 202, "{from}: an upload begins instead");
    }
    served.deny("GetDownloadUrlForLayer", OTHER);
    let path = format!("{}?mount={config}&from={OTHER}", uploads(REPOSITORY));
    assert_eq!(served.ask(Method::POST, &path).await.status, 202, "what CI may not read it does not get");
    assert!(!has(&served, REPOSITORY, config).await);
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read_and_leaves_nothing() {
    let limits = Limits { blob_bytes: 30, total_bytes: 50, uploads: 3 };
    let served = Served::with_limits(limits).await;
    let begin = async || served.ask(Method::POST, &uploads(REPOSITORY)).await.header("location").to_owned();
    let location = begin().await;
    // A length that is announced is enough; nothing of the body is read.
    let announced = served.to(Method::PATCH, &location).body(vec![0; 31]);
    assert_eq!(served.send(announced).await.refusal(), (413, "SIZE_INVALID".to_owned()));
    // Without a length, the limit is met while it comes.
    let location = begin().await;
    let refused = served.in_pieces(&location, &[b"0123456789".as_slice(); 4]).await;
    assert!(refused.starts_with("HTTP/1.1 413 ") && refused.contains("SIZE_INVALID"), "{refused}");
    assert_eq!(served.ask(Method::GET, &location).await.refusal().1, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(served.files(), 0);

    served.upload(REPOSITORY, &[1; 30]).await;
    let location = begin().await;
    let full = served.send(served.to(Method::PATCH, &location).body(vec![2; 21])).await;
    assert_eq!(full.refusal(), (413, "SIZE_INVALID".to_owned()));
    served.upload(REPOSITORY, &[2; 20]).await;
    assert_eq!(served.files(), 2, "what was refused takes no room");

    let oldest = begin().await;
    for _ in 0..3 {
        begin().await;
    }
    assert_eq!(
        served.ask(Method::GET, &oldest).await.refusal().1,
        "BLOB_UPLOAD_UNKNOWN",
        "forgotten for newer ones"
    );
    let manifest =
        served.to(Method::PUT, &format!("{REPOSITORY}/manifests/x")).body(vec![b' '; 4 * 1024 * 1024 + 1]);
    assert_eq!(served.send(manifest).await.refusal(), (413, "SIZE_INVALID".to_owned()));
}
