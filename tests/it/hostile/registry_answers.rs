//! A registry with arbitrary answers: invalid tags are left out, invalid digests refused, and an
//! image's own descriptions are sanitized.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::get;
use greenroom::adapters::oci_registry::OciRegistry;
use greenroom::inventory::VersionRef;
use greenroom::ports::Images;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::values::Bytes;
use super::{is_sanitized, runner, values, waiting};

/// The registry's answers, by a part of the request path.
type Answers = Arc<Mutex<BTreeMap<&'static str, (u16, Vec<u8>)>>>;

async fn serve(answers: Answers) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let host = listener.local_addr().expect("an address").to_string();
    let answer = move |uri: Uri| async move {
        let answers = answers.lock().expect("no panic");
        let found = answers.iter().find(|(part, _)| uri.path().contains(*part));
        match found {
            Some((_, (status, body))) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
                (
                    status,
                    [("Content-Type", "application/vnd.oci.image.manifest.v1+json")],
                    body.clone(),
                )
                    .into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let routes = Router::new()
        .route("/v2/", get(|| async { "" }))
        .fallback(answer);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    host
}

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![6 => Just(200_u16), 1 => prop::sample::select(vec![201_u16, 204, 400, 401, 403, 404, 418, 429, 500, 503])]
}

fn tags() -> Value {
    json!({ "name": "web", "tags": ["1.9.0", "1.8.2", "latest", "a b", "", "-1", "../x"] })
}

fn config() -> Value {
    json!({ "created": "2026-11-20T10:00:00Z", "architecture": "amd64", "config": { "Labels": {
        "org.opencontainers.image.revision": "4f2a9c0", "org.opencontainers.image.version": "1.9.0",
        "org.opencontainers.image.created": "2026-11-20T10:00:00Z",
    }}})
}

fn manifest(config: &[u8]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(b"layer"), "size": 5 }] })
}

#[test]
fn invalid_registry_answers_are_left_out_or_refused() {
    let runtime = waiting();
    let answers = Answers::default();
    let host = runtime.block_on(serve(Arc::clone(&answers)));
    let registry = OciRegistry::new(BTreeMap::new(), BTreeSet::new());
    let repository = format!("{host}/web");
    let listing = (status(), values::bytes(tags()));
    let run = runner(120).run(&listing, |answer| {
        answers
            .lock()
            .expect("no panic")
            .insert("/tags/", (answer.0, answer.1.0));
        runtime.block_on(async {
            match registry.tags(&repository).await {
                Ok(tags) => {
                    for tag in &tags {
                        prop_assert!(
                            matches!(tag.name.parse(), Ok(VersionRef::Tag(_))),
                            "{:?}",
                            tag.name
                        );
                    }
                    let names: BTreeSet<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
                    prop_assert_eq!(names.len(), tags.len(), "each once");
                }
                Err(failure) => {
                    let said = failure.to_string();
                    prop_assert!(
                        is_sanitized(&said) && said.chars().count() < 1_000,
                        "{:?}",
                        said
                    );
                }
            }
            Ok(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    let image = values::bytes(config()).prop_flat_map(|config| {
        let manifest = manifest(&config.0);
        let whole = Just(Bytes(manifest.to_string().into_bytes()));
        let manifest = prop_oneof![3 => whole, 2 => values::bytes(manifest)];
        (status(), manifest, status(), Just(config))
    });
    let run = runner(160).run(&image, |(of_manifest, manifest, of_config, config)| {
        let is_good = |status: u16| (200..300).contains(&status);
        let is_whole = is_good(of_manifest) && is_good(of_config);
        let expected = digest(&manifest.0);
        let mut now = answers.lock().expect("no panic");
        now.insert("/manifests/", (of_manifest, manifest.0));
        now.insert("/blobs/", (of_config, config.0));
        drop(now);
        runtime.block_on(async {
            match registry
                .resolve(&repository, &VersionRef::Tag("1.9.0".into()))
                .await
            {
                Ok(version) => {
                    prop_assert!(
                        is_whole || version.labels == greenroom::inventory::ImageLabels::default()
                    );
                    prop_assert_eq!(version.digest.as_str(), expected.as_str());
                    let labels = version.labels;
                    for label in [labels.revision, labels.created, labels.version]
                        .into_iter()
                        .flatten()
                    {
                        prop_assert!(
                            is_sanitized(&label) && label.chars().count() <= 256,
                            "{:?}",
                            label
                        );
                    }
                }
                Err(failure) => {
                    let said = failure.to_string();
                    prop_assert!(
                        is_sanitized(&said) && said.chars().count() < 1_000,
                        "{:?}",
                        said
                    );
                }
            }
            Ok(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn an_oversized_image_configuration_is_refused_with_a_short_error() {
    let runtime = waiting();
    let answers = Answers::default();
    let host = runtime.block_on(serve(Arc::clone(&answers)));
    let config = json!("long".repeat(5_000)).to_string().into_bytes();
    let manifest = manifest(&config).to_string().into_bytes();
    let mut now = answers.lock().expect("no panic");
    now.insert("/manifests/", (200, manifest));
    now.insert("/blobs/", (200, config));
    drop(now);
    let registry = OciRegistry::new(BTreeMap::new(), BTreeSet::new());
    let tag = VersionRef::Tag("1.9.0".into());
    let resolved = runtime.block_on(registry.resolve(&format!("{host}/web"), &tag));
    let said = resolved.expect_err("no configuration").to_string();
    assert!(said.contains("cannot be read"), "{said}");
    assert!(said.chars().count() < 1_000, "{}", said.len());
}
