//! Which hosts get an image registry's password, and how much of an answer is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::get;
use futures_util::stream;
use greenroom::adapters::oci_registry::OciRegistry;
use greenroom::ports::{Credentials, FailureKind, Images};

async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    port.to_string()
}

fn with_password(host: &str) -> OciRegistry {
    let credentials = Credentials {
        user: "deploy".into(),
        password: "hunter2".into(),
    };
    let credentials = BTreeMap::from([(host.to_owned(), credentials)]);
    OciRegistry::new(credentials, BTreeSet::new())
}

/// The `Authorization` of each request that a token server got.
type Shown = Arc<Mutex<Vec<Option<String>>>>;

/// A token server, and the headers it got.
async fn token_server() -> (String, Shown) {
    let shown = Shown::default();
    let seen = Arc::clone(&shown);
    let give = move |headers: HeaderMap| async move {
        let authorization = headers.get("authorization");
        let text = authorization.map(|value| value.to_str().expect("text").to_owned());
        seen.lock().expect("free").push(text);
        // As the servers of Docker Hub and Harbor write it.
        axum::Json(serde_json::json!({ "token": "good", "access_token": "" }))
    };
    let port = serve(Router::new().route("/token", get(give))).await;
    (format!("localhost:{port}"), shown)
}

/// A registry with one tag for every client with a token of that server.
async fn registry(token_server: &str) -> String {
    let realm = format!("Bearer realm=\"http://{token_server}/token\",service=\"it\"");
    let challenge =
        move || async move { (StatusCode::UNAUTHORIZED, [("WWW-Authenticate", realm)]) };
    let tags = |headers: HeaderMap| async move {
        if headers
            .get("authorization")
            .is_none_or(|it| it != "Bearer good")
        {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        axum::Json(serde_json::json!({ "name": "web", "tags": ["1"] })).into_response()
    };
    let routes = Router::new().route("/v2/", get(challenge));
    let port = serve(routes.route("/v2/web/tags/list", get(tags))).await;
    format!("127.0.0.1:{port}")
}

#[tokio::test]
async fn a_token_server_on_another_host_gets_the_password_only_if_configured() {
    let (server, shown) = token_server().await;
    let host = registry(&server).await;
    let repository = format!("{host}/web");
    let refused = with_password(&host).tags(&repository).await;
    let refused = refused.expect_err("the password is not for that host");
    assert_eq!(refused.kind, FailureKind::Denied, "{refused}");
    let said = refused.to_string();
    assert!(
        said.contains(&format!(
            "a token server on another host, which would get the password: {server}"
        )),
        "{said}"
    );
    assert!(
        said.contains(&format!("token_server = \"{server}\"")),
        "{said}"
    );
    assert_eq!(*shown.lock().expect("free"), []);

    // Without a password nothing can leak.
    let anonymous = OciRegistry::new(BTreeMap::new(), BTreeSet::new());
    anonymous.tags(&repository).await.expect("a list");
    assert_eq!(*shown.lock().expect("free"), [None]);

    let named = BTreeMap::from([(host.clone(), server.clone())]);
    let trusting = with_password(&host).with_token_servers(named);
    trusting.tags(&repository).await.expect("a list");
    let last = shown.lock().expect("free").last().cloned().flatten();
    assert!(last.is_some_and(|it| it.starts_with("Basic ")));
}

#[tokio::test]
async fn a_password_is_sent_only_to_its_own_registry() {
    let (server, shown) = token_server().await;
    let host = registry(&server).await;
    let other = with_password("registry.example");
    other.tags(&format!("{host}/web")).await.expect("a list");
    assert_eq!(*shown.lock().expect("free"), [None]);
}

/// Endless zeros.
fn endless() -> Body {
    let chunk = axum::body::Bytes::from(vec![b'0'; 64 * 1024]);
    Body::from_stream(stream::repeat_with(move || {
        Ok::<_, std::io::Error>(chunk.clone())
    }))
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_a_limit() {
    let challenge = |path: &'static str| {
        move |headers: HeaderMap| async move {
            let host = headers["host"].to_str().expect("text").to_owned();
            let realm = format!("Bearer realm=\"http://{host}{path}\"");
            (StatusCode::UNAUTHORIZED, [("WWW-Authenticate", realm)])
        }
    };
    let open = Router::new().route("/v2/", get(|| async { "" }));
    let closed = Router::new().route("/v2/", get(challenge("/token")));
    let version = Router::new().route("/v2/", get(|| async { endless() }));
    for (routes, what) in [(open, "manifest"), (closed, "token"), (version, "answer")] {
        let port = serve(routes.fallback(|| async { endless() })).await;
        let host = format!("127.0.0.1:{port}");
        let registry = with_password(&host);
        let tag = "1".parse().expect("a tag");
        let failure = registry.resolve(&format!("{host}/web"), &tag).await;
        let failure = failure.expect_err("it has no end");
        assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
        let said = failure.to_string();
        assert!(
            said.contains(&format!("the {what} has more than")),
            "{said}"
        );
    }
}
