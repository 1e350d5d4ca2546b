//! Who is let in, and what they may do then.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;

use super::support::{OTHER, REPOSITORY, ROLE, Served};
use crate::front::Caller;
use crate::front::identity::Session;

#[tokio::test]
async fn whoever_has_no_password_is_asked_for_one() {
    let mut served = Served::start().await;
    let (user, password) = served.password();
    assert_eq!(user, "AWS");
    for path in ["/v2", "/v2/"] {
        assert_eq!(served.ask(Method::GET, path).await.status, 200, "{path}");
    }
    let strangers = [
        None,
        Some(("AWS", "wrong")),
        Some(("aws", password.as_str())),
        Some(("AWS", "")),
        Some(("", &password)),
    ];
    for stranger in strangers {
        served.log_in(stranger);
        for path in ["/v2/", "exchange-backend-f899186/tags/list", "nothing/manifests/latest"] {
            let answer = served.ask(Method::GET, path).await;
            assert_eq!(answer.refusal(), (401, "UNAUTHORIZED".to_owned()), "{stranger:?} {path}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(
                challenge,
                "Basic realm=\"https://111122223333.dkr.ecr.us-west-2.amazonaws.com/\",service=\"ecr.amazonaws.com\""
            );
        }
    }
    served.log_in(None);
    for header in ["Basic", "Basic !!!", "Bearer abc", "Basic QVdT"] {
        let answer = served.send(served.to(Method::GET, "/v2/").header("authorization", header)).await;
        assert_eq!(answer.refusal().0, 401, "{header}");
    }
}

#[tokio::test]
async fn a_password_ends_after_its_time() {
    let mut served = Served::start().await;
    let caller = Caller::Role(Session { role_arn: ROLE.to_owned(), name: "build-6".to_owned() });
    let long_ago = Timestamp::now() - Duration::from_secs(13 * 60 * 60);
    let lifetime = crate::ecr::tokens::LIFETIME;
    let issued = served.ecr.tokens.issue(&caller, lifetime, long_ago).unwrap();
    served.log_in(Some(("AWS", &issued.password)));
    let answer = served.ask(Method::GET, "/v2/").await;
    assert_eq!(answer.refusal(), (403, "DENIED".to_owned()));
    assert_eq!(answer.message(), "Your authorization token has expired. Reauthenticate and try again.");
}

#[tokio::test]
async fn iam_is_asked_what_it_asks_on_aws() {
    let digest = format!("sha256:{:064}", 0);
    let rows = [
        ("BatchGetImage", Method::GET, format!("{REPOSITORY}/manifests/latest")),
        ("BatchGetImage", Method::HEAD, format!("{REPOSITORY}/manifests/latest")),
        ("PutImage", Method::PUT, format!("{REPOSITORY}/manifests/latest")),
        ("ListImages", Method::GET, format!("{REPOSITORY}/tags/list")),
        ("BatchCheckLayerAvailability", Method::HEAD, format!("{REPOSITORY}/blobs/{digest}")),
        ("GetDownloadUrlForLayer", Method::GET, format!("{REPOSITORY}/blobs/{digest}")),
        ("InitiateLayerUpload", Method::POST, format!("{REPOSITORY}/blobs/uploads/")),
        ("CompleteLayerUpload", Method::POST, format!("{REPOSITORY}/blobs/uploads/?digest={digest}")),
        ("UploadLayerPart", Method::PATCH, format!("{REPOSITORY}/blobs/uploads/1")),
        ("UploadLayerPart", Method::GET, format!("{REPOSITORY}/blobs/uploads/1")),
        ("UploadLayerPart", Method::DELETE, format!("{REPOSITORY}/blobs/uploads/1")),
        ("CompleteLayerUpload", Method::PUT, format!("{REPOSITORY}/blobs/uploads/1?digest={digest}")),
    ];
    for (action, method, path) in rows {
        let served = Served::start().await;
        assert_ne!(served.ask(method.clone(), &path).await.status, 403, "{method} {path} before");
        served.deny(action, REPOSITORY);
        let answer = served.ask(method.clone(), &path).await;
        assert_eq!(answer.status, 403, "{method} {path}");
        if method != Method::HEAD {
            assert_eq!(answer.refusal().1, "DENIED");
            let sentence = format!(
                "User: arn:aws:sts::111122223333:assumed-role/ci/build-7 is not authorized to perform: ecr:{action} on \
                 resource: arn:aws:ecr:us-west-2:111122223333:repository/{REPOSITORY}"
            );
            assert!(answer.message().starts_with(&sentence), "{}", answer.message());
        }
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_played_is_said_in_the_specifications_words() {
    let served = Served::start().await;
    let zeros = format!("sha256:{:064}", 0);
    let rows = [
        (Method::GET, "nothing/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::POST, "nothing/blobs/uploads/".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::PUT, "nothing/manifests/latest".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::GET, "Exchange/tags/list".to_owned(), 400, "NAME_INVALID"),
        (Method::GET, "a//b/tags/list".to_owned(), 400, "NAME_INVALID"),
        (Method::GET, format!("{REPOSITORY}/manifests/latest"), 404, "MANIFEST_UNKNOWN"),
        (Method::GET, format!("{REPOSITORY}/manifests/{zeros}"), 404, "MANIFEST_UNKNOWN"),
        (Method::GET, format!("{REPOSITORY}/manifests/sha256:0"), 400, "DIGEST_INVALID"),
        (Method::GET, format!("{REPOSITORY}/manifests/sha512:0"), 400, "DIGEST_INVALID"),
        (Method::PUT, format!("{REPOSITORY}/manifests/-x"), 400, "TAG_INVALID"),
        (Method::GET, format!("{REPOSITORY}/blobs/{zeros}"), 404, "BLOB_UNKNOWN"),
        (Method::GET, format!("{REPOSITORY}/blobs/latest"), 400, "DIGEST_INVALID"),
        (Method::GET, format!("{REPOSITORY}/blobs/uploads/1"), 404, "BLOB_UPLOAD_UNKNOWN"),
        (Method::GET, format!("{REPOSITORY}/tags/list?n=all"), 400, "PAGINATION_NUMBER_INVALID"),
        (Method::DELETE, format!("{REPOSITORY}/manifests/latest"), 405, "UNSUPPORTED"),
        (Method::DELETE, format!("{REPOSITORY}/blobs/{zeros}"), 405, "UNSUPPORTED"),
        (Method::GET, "_catalog".to_owned(), 404, "NAME_UNKNOWN"),
    ];
    for (method, path, status, code) in rows {
        // Where a body is wanted, an empty image is enough to be refused for what is wrong with the name.
        let request = served.to(method.clone(), &path);
        let request = if method == Method::PUT {
            request.body(json!({ "mediaType": "application/vnd.oci.image.index.v1+json" }).to_string())
        } else {
            request
        };
        let answer = served.send(request).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{method} {path}");
    }
    let unknown = served.ask(Method::GET, "nothing/tags/list").await;
    assert_eq!(
        unknown.message(),
        "The repository with name 'nothing' does not exist in the registry with id '111122223333'"
    );
    assert_eq!(served.ask(Method::GET, &format!("{OTHER}/tags/list")).await.json()["tags"], json!([]));
}
