//! The image registry adapter with real registries, and with servers that hang or answer wrongly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use greenroom::adapters::oci_registry::OciRegistry;
use greenroom::inventory::{ImageTag, VersionRef};
use greenroom::ports::{Credentials, FailureKind, Images};

use crate::docker::fixture::{PASSWORD, PrivateRegistry, USER, docker, push, unique};
use crate::support;

fn open() -> OciRegistry {
    OciRegistry::new(BTreeMap::new(), BTreeSet::new())
}

fn with_password(host: &str, password: &str) -> OciRegistry {
    let credentials = Credentials {
        user: USER.into(),
        password: password.into(),
    };
    OciRegistry::new(
        BTreeMap::from([(host.to_owned(), credentials)]),
        BTreeSet::new(),
    )
}

fn tag(text: &str) -> VersionRef {
    VersionRef::Tag(text.into())
}

fn names(tags: Vec<ImageTag>) -> Vec<String> {
    tags.into_iter().map(|tag| tag.name).collect()
}

#[tokio::test]
async fn a_tag_is_resolved_to_the_digest_that_an_engine_pulls() {
    let repository = format!("{}/{}", support::registry(), unique("it-oci"));
    let labels = [
        ("org.opencontainers.image.revision", "4f2a9c0"),
        ("org.opencontainers.image.version", "1.9.0"),
        ("org.opencontainers.image.created", "2026-11-20T10:00:00Z"),
        ("other", "not wanted"),
    ];
    let digest = push(&repository, "1.9.0", &labels, 16);
    let old = push(&repository, "1.8.0", &[], 17);
    let registry = open();
    let version = registry
        .resolve(&repository, &tag("1.9.0"))
        .await
        .expect("resolved");
    assert_eq!(version.digest.as_str(), digest);
    let asked = registry.digest_of(&repository, "1.9.0").await;
    assert_eq!(asked.expect("a digest"), version.digest);
    let missing = registry.digest_of(&repository, "0.0.1").await;
    assert_eq!(missing.expect_err("no tag").kind, FailureKind::Missing);
    assert_eq!(
        (version.repository.as_str(), version.tag.as_deref()),
        (&*repository, Some("1.9.0"))
    );
    assert_eq!(version.labels.revision.as_deref(), Some("4f2a9c0"));
    assert_eq!(version.labels.version.as_deref(), Some("1.9.0"));
    assert_eq!(
        version.labels.created.as_deref(),
        Some("2026-11-20T10:00:00Z")
    );

    let by_digest = VersionRef::Digest(version.digest.clone());
    let same = registry
        .resolve(&repository, &by_digest)
        .await
        .expect("resolved");
    assert_eq!((same.digest, same.tag), (version.digest.clone(), None));
    assert_eq!(same.labels, version.labels);
    let other = registry
        .resolve(&repository, &tag("1.8.0"))
        .await
        .expect("resolved");
    assert_eq!(other.digest.as_str(), old);

    let mut tags = names(registry.tags(&repository).await.expect("a list"));
    tags.sort();
    assert_eq!(tags, ["1.8.0", "1.9.0"]);
    docker(&["pull", "-q", &version.pinned()]);
    docker(&["rmi", "-f", &version.pinned()]);
}

#[tokio::test]
async fn the_build_time_comes_from_the_label_or_the_builder() {
    let repository = format!("{}/{}", support::registry(), unique("it-oci"));
    let before = jiff::Timestamp::now();
    push(&repository, "plain", &[], 16);
    let labels = [(
        "org.opencontainers.image.created",
        "2024-02-29T10:00:00+01:00",
    )];
    push(&repository, "labelled", &labels, 17);
    let labels = [("org.opencontainers.image.created", "last week")];
    push(&repository, "careless", &labels, 18);
    let registry = open();
    let built = async |name: &str| {
        let version = registry.resolve(&repository, &tag(name)).await;
        version.expect("resolved").labels.built_at()
    };
    let plain = built("plain").await.expect("the builder's time");
    let hour = jiff::SignedDuration::from_hours(1);
    let apart = plain.duration_since(before).abs();
    assert!(apart < hour, "built {plain}, about {before}");
    let labelled = built("labelled").await.expect("the label's time");
    assert_eq!(labelled.to_string(), "2024-02-29T09:00:00Z");
    assert_eq!(built("careless").await, None);
}

#[tokio::test]
async fn an_index_is_resolved_to_its_own_digest_with_this_platforms_labels() {
    let host = support::registry();
    let name = unique("it-oci");
    let repository = format!("{host}/{name}");
    let labels = [("org.opencontainers.image.version", "2.0.0")];
    let inner = push(&repository, "inner", &labels, 16);
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let client = support::http_client().build().expect("a client");
    let manifest = "application/vnd.docker.distribution.manifest.v2+json";
    let url = format!("http://{host}/v2/{name}/manifests");
    let own = client
        .get(format!("{url}/{inner}"))
        .header("Accept", manifest)
        .send()
        .await;
    let size = own
        .expect("an answer")
        .bytes()
        .await
        .expect("a manifest")
        .len();
    let index_type = "application/vnd.docker.distribution.manifest.list.v2+json";
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": index_type, "manifests": [
        { "mediaType": manifest, "digest": inner, "size": size,
          "platform": { "architecture": arch, "os": "linux" } },
    ]});
    let put = client
        .put(format!("{url}/2.0.0"))
        .header("Content-Type", index_type)
        .body(index.to_string())
        .send()
        .await
        .expect("an answer");
    assert!(put.status().is_success(), "{put:?}");
    let version = open()
        .resolve(&repository, &tag("2.0.0"))
        .await
        .expect("resolved");
    assert_ne!(version.digest.as_str(), inner);
    assert_eq!(version.labels.version.as_deref(), Some("2.0.0"));
    // After a pull the engine reports this digest.
    docker(&["pull", "-q", &version.pinned()]);
    docker(&["image", "inspect", &version.pinned()]);
    docker(&["rmi", "-f", &version.pinned()]);
}

#[tokio::test]
async fn an_unknown_tag_is_missing() {
    let repository = format!("{}/{}", support::registry(), unique("it-oci"));
    push(&repository, "1", &[], 16);
    let registry = open();
    let absent = format!("sha256:{}", "1".repeat(64))
        .parse()
        .expect("a digest");
    for reference in [tag("2"), VersionRef::Digest(absent)] {
        let failure = registry
            .resolve(&repository, &reference)
            .await
            .expect_err("not there");
        assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
        assert!(
            failure.to_string().contains(&reference.to_string()),
            "{failure}"
        );
    }
    let nowhere = format!("{}/{}", support::registry(), unique("it-oci"));
    let failure = registry.tags(&nowhere).await.expect_err("not there");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    let failure = registry
        .tags("127.0.0.1:5000/../x y")
        .await
        .expect_err("no repository");
    assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
}

#[tokio::test]
async fn a_registry_with_passwords_accepts_a_correct_one() {
    let private = PrivateRegistry::start().await;
    let (repository, digest) = private.push();
    let registry = with_password(&private.host, PASSWORD);
    let version = registry
        .resolve(&repository, &tag("1"))
        .await
        .expect("let in");
    assert_eq!(version.digest.as_str(), digest);
    assert_eq!(
        names(registry.tags(&repository).await.expect("a list")),
        ["1"]
    );
    for (outside, hint) in [
        (open(), "no credentials"),
        (with_password(&private.host, "hunter2"), "user and password"),
    ] {
        for failure in [
            outside
                .resolve(&repository, &tag("1"))
                .await
                .expect_err("kept out"),
            outside.tags(&repository).await.expect_err("kept out"),
        ] {
            assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
            assert!(failure.to_string().contains(hint), "{failure}");
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_dead_or_hanging_registry_is_unreachable_within_the_timeout() {
    let dead = format!("127.0.0.1:{}/web", support::free_port());
    let failure = open()
        .resolve(&dead, &tag("1"))
        .await
        .expect_err("no server there");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.to_string().contains("refused"), "{failure}");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let host = silent.local_addr().expect("an address");
    let started = Instant::now();
    let registry = open().with_deadline(Duration::from_millis(300));
    for failure in [
        registry
            .resolve(&format!("{host}/web"), &tag("1"))
            .await
            .expect_err("it hangs"),
        registry
            .tags(&format!("{host}/web"))
            .await
            .expect_err("it hangs"),
    ] {
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Serves until the test ends.
async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let host = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    host
}

#[tokio::test]
async fn wrong_registry_answers_are_refused() {
    let manifest = r#"{"schemaVersion":2,"config":{"mediaType":"a","digest":"../../evil","size":1},"layers":[]}"#;
    let wrong_digest = (
        [(
            "Docker-Content-Digest",
            format!("sha256:{}", "0".repeat(64)),
        )],
        manifest,
    );
    let answers: Vec<(Response, FailureKind)> = vec![
        (
            "<html>\u{1b}[31mhello</html>".into_response(),
            FailureKind::Garbled,
        ),
        (wrong_digest.into_response(), FailureKind::Garbled),
        (manifest.into_response(), FailureKind::Garbled),
        (
            (StatusCode::BAD_GATEWAY, "\u{1b}[31mdown").into_response(),
            FailureKind::Unreachable,
        ),
        (
            (StatusCode::NOT_FOUND, "nothing").into_response(),
            FailureKind::Missing,
        ),
        (
            (StatusCode::FORBIDDEN, "no").into_response(),
            FailureKind::Denied,
        ),
    ];
    for (answer, kind) in answers {
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.expect("a body");
        let routes = Router::new()
            .route("/v2/", get(|| async { "" }))
            .fallback(move || async move { (parts, body) });
        let host = serve(routes).await;
        let failure = open()
            .resolve(&format!("{host}/web"), &tag("1"))
            .await
            .expect_err("a lie");
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!failure.to_string().contains('\u{1b}'), "{failure:?}");
    }
}

fn asked(query: Option<&str>, name: &str) -> String {
    let pairs = query.unwrap_or_default().split('&');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let value = pairs
        .find(|(known, _)| *known == name)
        .map_or("", |(_, value)| value);
    value.replace("%3A", ":")
}

/// A registry that requires a token, and the token server, which requires a password.
fn tokens(host_of: &'static str, token: &'static str) -> Router {
    let challenge = move |headers: HeaderMap| async move {
        let host = headers["host"].to_str().expect("text").to_owned();
        let realm = format!("Bearer realm=\"http://{host}/token\",service=\"{host_of}\"");
        (StatusCode::UNAUTHORIZED, [("WWW-Authenticate", realm)])
    };
    let give = move |headers: HeaderMap, RawQuery(query): RawQuery| async move {
        if !headers.contains_key("authorization")
            || asked(query.as_deref(), "scope") != "repository:web:pull"
        {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        axum::Json(serde_json::json!({ "token": token })).into_response()
    };
    let list = |headers: HeaderMap, RawQuery(query): RawQuery| async move {
        if headers
            .get("authorization")
            .is_none_or(|h| h != "Bearer good")
        {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        // Two at a time, whatever the request says.
        let all = ["a", "b", "c", "d", "e\u{1b}[31m", "f"];
        let last = asked(query.as_deref(), "last");
        let page: Vec<&str> = all.into_iter().filter(|t| **t > *last).take(2).collect();
        axum::Json(serde_json::json!({ "name": "web", "tags": page })).into_response()
    };
    Router::new()
        .route("/v2/", get(challenge))
        .route("/token", get(give))
        .route("/v2/web/tags/list", get(list))
}

#[tokio::test]
async fn tokens_are_fetched_and_pages_are_joined() {
    let host = serve(tokens("it", "good")).await;
    let repository = format!("{host}/web");
    let registry = with_password(&host, "hunter2");
    let tags = names(registry.tags(&repository).await.expect("a list"));
    assert_eq!(tags, ["a", "b", "c", "d", "f"], "invalid tags are left out");
    let failure = open()
        .tags(&repository)
        .await
        .expect_err("no password, no token");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
}

#[tokio::test]
async fn an_invalid_token_is_refused() {
    let host = serve(tokens("it", "evil\r\nX-Injected: 1")).await;
    let registry = with_password(&host, "hunter2");
    let failure = registry
        .tags(&format!("{host}/web"))
        .await
        .expect_err("a lie");
    assert_eq!(failure.kind, FailureKind::Garbled, "{failure}");
}

/// A registry whose repository has this many tags, 20,000 a page.
fn many_tags(count: usize) -> Router {
    let list = move |RawQuery(query): RawQuery| async move {
        let last = asked(query.as_deref(), "last");
        let from = last.parse::<usize>().map_or(0, |last| last + 1);
        let page: Vec<String> = (from..count)
            .take(20_000)
            .map(|number| format!("{number:06}"))
            .collect();
        axum::Json(serde_json::json!({ "name": "web", "tags": page }))
    };
    Router::new()
        .route("/v2/", get(|| async { "" }))
        .route("/v2/web/tags/list", get(list))
}

#[tokio::test]
async fn a_list_of_too_many_tags_is_refused() {
    let host = serve(many_tags(100_000)).await;
    let tags = open().tags(&format!("{host}/web")).await.expect("a list");
    assert_eq!(tags.len(), 100_000);
    let host = serve(many_tags(100_001)).await;
    let failure = open()
        .tags(&format!("{host}/web"))
        .await
        .expect_err("too many");
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
    assert!(
        failure.to_string().contains("more than 100000 tags"),
        "{failure}"
    );
}
