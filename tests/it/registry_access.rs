//! How an image registry is reached: page after page, with TLS or without, and with a forward proxy
//! or without it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use greenroom::adapters::oci_registry::OciRegistry;
use greenroom::adapters::outbound_proxy::OutboundProxy;
use greenroom::ports::{Credentials, FailureKind, Images};
use tempfile::TempDir;

use crate::docker::fixture::{PASSWORD, PrivateRegistry, USER};
use crate::docker::tls::certificates;
use crate::support;

fn open() -> OciRegistry {
    OciRegistry::new(BTreeMap::new(), BTreeSet::new())
}

async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let host = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    host
}

/// A proxy for everything, at this address.
fn proxy(at: &str) -> OutboundProxy {
    OutboundProxy::from_variables(|name| {
        (name == "ALL_PROXY").then(|| format!("http://ana:hunter2@{at}"))
    })
}

/// A page of fifty of a hundred and twenty tags. Only its `Link` header says where the next one
/// starts.
fn page(headers: &HeaderMap, query: &str) -> Response {
    let cursor = query
        .split('&')
        .find_map(|part| part.strip_prefix("cursor="));
    let first: usize = cursor.map_or(0, |cursor| cursor.parse().expect("a number"));
    let last = (first + 50).min(120);
    let tags: Vec<String> = (first..last).map(|number| format!("v{number}")).collect();
    let body = axum::Json(serde_json::json!({ "name": "web", "tags": tags }));
    if last == 120 {
        return body.into_response();
    }
    let host = headers["host"].to_str().expect("text");
    // As a registry behind a proxy writes it: with the wrong scheme.
    let link = format!("<https://{host}/v2/web/tags/list?cursor={last}>; rel=\"next\"");
    ([("Link", link)], body).into_response()
}

#[tokio::test]
async fn a_list_of_tags_is_followed_to_its_last_page() {
    let list = |headers: HeaderMap, RawQuery(query): RawQuery| async move {
        page(&headers, query.as_deref().unwrap_or_default())
    };
    let routes = Router::new()
        .route("/v2/", get(|| async { "" }))
        .route("/v2/web/tags/list", get(list));
    let host = serve(routes).await;
    let tags = open().tags(&format!("{host}/web")).await.expect("a list");
    assert_eq!(tags.len(), 120);
    assert_eq!(tags.last().map(|tag| tag.name.as_str()), Some("v119"));
}

#[tokio::test]
async fn an_endless_list_is_refused() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let list = move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move {
            let link = format!("</v2/web/tags/list?cursor={number}>; rel=\"next\"");
            let tags = serde_json::json!({ "tags": [format!("v{number}")] });
            ([("Link", link)], axum::Json(tags)).into_response()
        }
    };
    let routes = Router::new()
        .route("/v2/", get(|| async { "" }))
        .route("/v2/web/tags/list", get(list));
    let host = serve(routes).await;
    let failure = open().tags(&format!("{host}/web")).await;
    let failure = failure.expect_err("no end");
    assert!(
        failure.to_string().contains("did not end after"),
        "{failure}"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 1000);
}

#[tokio::test]
async fn a_registry_on_loopback_is_reached_without_a_proxy() {
    let list = || async { axum::Json(serde_json::json!({ "tags": ["1"] })) };
    let routes = Router::new()
        .route("/v2/", get(|| async { "" }))
        .route("/v2/web/tags/list", get(list));
    let host = serve(routes).await;
    let nowhere = format!("127.0.0.1:{}", support::free_port());
    let registry = open().through(proxy(&nowhere));
    let tags = registry.tags(&format!("{host}/web")).await.expect("a list");
    assert_eq!(tags.len(), 1);
}

#[tokio::test]
async fn a_failure_through_a_proxy_names_the_proxy() {
    let nowhere = format!("127.0.0.1:{}", support::free_port());
    let registry = open().through(proxy(&nowhere));
    let failure = registry.tags("registry.invalid/web").await;
    let said = failure.expect_err("no such proxy").to_string();
    let named = format!("through the proxy http://{nowhere}:");
    assert!(said.contains(&named), "{said}");
    assert!(said.contains("NO_PROXY"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// A registry with TLS, and the directory of its certificates.
async fn with_tls() -> (PrivateRegistry, TempDir) {
    let directory = TempDir::new().expect("a directory");
    certificates(directory.path());
    let home = directory.path().display();
    let tls = format!(", tls: {{certificate: '{home}/server.pem', key: '{home}/server.key'}}");
    (PrivateRegistry::start_with(&tls).await, directory)
}

fn with_password(host: &str) -> OciRegistry {
    let credentials = Credentials {
        user: USER.into(),
        password: PASSWORD.into(),
    };
    let credentials = BTreeMap::from([(host.to_owned(), credentials)]);
    OciRegistry::new(credentials, BTreeSet::new())
}

/// The registry is empty, which a request with access learns.
async fn answer(registry: &OciRegistry, host: &str) -> (FailureKind, String) {
    let failure = registry.tags(&format!("{host}/web")).await;
    let failure = failure.expect_err("the registry is empty");
    (failure.kind, failure.to_string())
}

#[tokio::test]
async fn a_registry_on_loopback_with_tls_is_reached_with_tls() {
    let (private, directory) = with_tls().await;
    let host = private.host.as_str();
    let (kind, said) = answer(&with_password(host), host).await;
    assert_eq!(kind, FailureKind::Unreachable, "{said}");
    assert!(said.contains("certificate"), "{said}");
    assert!(said.contains("`ca`"), "{said}");

    let ca = directory.path().join("ca.pem");
    let trusting = |ca: &Path| BTreeMap::from([(host.to_owned(), ca.to_owned())]);
    let registry = with_password(host).with_authorities(trusting(&ca));
    let (kind, said) = answer(&registry, host).await;
    assert_eq!(kind, FailureKind::Missing, "{said}");

    let other = directory.path().join("other.pem");
    let registry = with_password(host).with_authorities(trusting(&other));
    let (kind, said) = answer(&registry, host).await;
    assert_eq!(kind, FailureKind::Unreachable, "{said}");

    let no_pem = directory.path().join("extensions");
    let registry = with_password(host).with_authorities(trusting(&no_pem));
    let (kind, said) = answer(&registry, host).await;
    assert_eq!(kind, FailureKind::Rejected, "{said}");
    assert!(said.contains("has no certificate"), "{said}");
}

#[tokio::test]
async fn a_certificate_authority_in_dockers_directory_is_trusted_for_its_registry() {
    let (private, directory) = with_tls().await;
    let host = private.host.as_str();
    let certs_d = directory.path().join("certs.d");
    let own = certs_d.join(host);
    std::fs::create_dir_all(&own).expect("made");
    std::fs::copy(directory.path().join("ca.pem"), own.join("ca.crt")).expect("copied");
    let registry = with_password(host).with_docker_certificates(vec![certs_d]);
    let (kind, said) = answer(&registry, host).await;
    assert_eq!(kind, FailureKind::Missing, "{said}");
}

#[tokio::test]
async fn a_password_does_not_follow_a_redirect_to_another_host() {
    let requests = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = |answer: &'static str| {
        let requests = Arc::clone(&requests);
        move |headers: HeaderMap| {
            let sent = headers.get("authorization").cloned();
            requests.lock().expect("no panic").push((answer, sent));
            let redirect = [("location", answer)];
            async move { (axum::http::StatusCode::TEMPORARY_REDIRECT, redirect).into_response() }
        }
    };
    let other = Router::new()
        .route("/first", get(note("/second")))
        .route("/second", get(note("/third")));
    let elsewhere = format!("http://{}/first", serve(other).await);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let list = move |headers: HeaderMap| {
        count.fetch_add(
            usize::from(headers.contains_key("authorization")),
            Ordering::Relaxed,
        );
        let redirect = [("location", elsewhere.clone())];
        async move { (axum::http::StatusCode::TEMPORARY_REDIRECT, redirect).into_response() }
    };
    let routes = Router::new()
        .route("/v2/", get(|| async { "" }))
        .route("/v2/web/tags/list", get(list));
    let host = serve(routes).await;
    let failure = with_password(&host).tags(&format!("{host}/web")).await;
    let said = failure.expect_err("refused").to_string();
    assert!(said.contains("which redirects again"), "{said}");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "its own host gets it");
    let requests = requests.lock().expect("no panic").clone();
    assert_eq!(
        requests,
        [("/second", None)],
        "the other host was asked once, without it"
    );
}
