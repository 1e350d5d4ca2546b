//! ECR's refusals in its own words.

use crate::aws::AwsError;

/// A parameter that breaks a rule of the service model.
pub(super) fn invalid_parameter(name: &str, constraint: &str) -> AwsError {
    AwsError::client(
        "InvalidParameterException",
        format!("Invalid parameter at '{name}' failed to satisfy constraint: '{constraint}'"),
    )
}

/// A parameter of the wrong JSON type.
pub(super) fn wrong_type(name: &str) -> AwsError {
    AwsError::client("SerializationException", format!("the value of {name} has the wrong type"))
}

/// No such repository in this registry.
pub(super) fn repository_not_found(name: &str, registry: &str) -> AwsError {
    AwsError::client(
        "RepositoryNotFoundException",
        format!("The repository with name '{name}' does not exist in the registry with id '{registry}'"),
    )
}

/// No such image, asked for by digest, tag or both.
pub(super) fn image_not_found(
    repository: &str,
    registry: &str,
    digest: Option<&str>,
    tag: Option<&str>,
) -> AwsError {
    let (digest, tag) = (digest.unwrap_or("null"), tag.unwrap_or("null"));
    AwsError::client(
        "ImageNotFoundException",
        format!(
            "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository \
             with name '{repository}' in the registry with id '{registry}'"
        ),
    )
}

/// The same manifest is there already, under the same tag if one was given.
pub(super) fn image_already_exists(repository: &str, digest: &str, tag: Option<&str>) -> AwsError {
    let and_tag = tag.map(|tag| format!(" and tag '{tag}'")).unwrap_or_default();
    AwsError::client(
        "ImageAlreadyExistsException",
        format!(
            "Image with digest '{digest}'{and_tag} already exists in the repository with name '{repository}'"
        ),
    )
}

/// An immutable tag would have to move.
pub(super) fn tag_already_exists(repository: &str, tag: &str) -> AwsError {
    AwsError::client(
        "ImageTagAlreadyExistsException",
        format!(
            "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because \
             the tag is immutable."
        ),
    )
}

/// The manifest is not the one its digest names.
pub(super) fn digest_does_not_match() -> AwsError {
    AwsError::client(
        "ImageDigestDoesNotMatchException",
        "The specified image digest does not match the digest that Amazon ECR calculated for the image.",
    )
}

/// An index before its children.
pub(super) fn referenced_images_not_found(repository: &str, missing: &[String]) -> AwsError {
    AwsError::client(
        "ReferencedImagesNotFoundException",
        format!(
            "Images with digests '[{}]' required for pushing image into repository with name '{repository}' do not exist",
            missing.join(", ")
        ),
    )
}

/// A manifest before its blobs.
pub(super) fn layers_not_found(repository: &str, missing: &[String]) -> AwsError {
    AwsError::client(
        "LayersNotFoundException",
        format!(
            "Layers with digests '[{}]' do not exist in the repository with name '{repository}'",
            missing.join(", ")
        ),
    )
}

/// A manifest that is neither an image nor an index.
pub(super) fn unsupported_image_type() -> AwsError {
    AwsError::client(
        "UnsupportedImageTypeException",
        "The image manifest media type is not supported. Push an OCI or Docker version 2 schema 2 image or index.",
    )
}
