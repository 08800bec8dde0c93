//! Requests to real servers on TCP and on unix sockets, well-behaved and not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use greenroom::adapters::http::HttpChecker;
use greenroom::checks::{Case, CaseKind, Expectation, HealthCheck, RequestCase, Verdict};
use greenroom::inventory::{Address, BodyClass, PublicAddress, PublicAnswer, Slot};
use greenroom::ports::{Checker, Connection};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use crate::support::free_port;
use crate::support::web::request_of;

/// A server that counts its connections.
struct Server {
    at: Address,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
    _place: Option<TempDir>,
}

impl Server {
    async fn on_tcp() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = Address::from(listener.local_addr().expect("an address"));
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let listener = listener.tap_io(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let task = tokio::spawn(async move { axum::serve(listener, app()).await.expect("serve") });
        Self {
            at,
            connections,
            task,
            _place: None,
        }
    }

    fn on_socket() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("web.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let listener = listener.tap_io(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let task = tokio::spawn(async move { axum::serve(listener, app()).await.expect("serve") });
        Self {
            at: Address::Unix(path),
            connections,
            task,
            _place: Some(place),
        }
    }

    async fn both() -> [Self; 2] {
        [Self::on_tcp().await, Self::on_socket()]
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn public(&self, path: &str) -> PublicAddress {
        PublicAddress {
            endpoint: self.at.clone(),
            host: "shop.example.com".into(),
            path: path.into(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn app() -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route(
            "/ill",
            get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "\u{1b}[31mdraining\n") }),
        )
        .route("/moved", get(|| async { Redirect::temporary("/health") }))
        .route(
            "/slow",
            get(|| async {
                std::future::pending::<()>().await;
            }),
        )
        .route(
            "/echo",
            any(|headers: HeaderMap, body: String| async move {
                let of = |name| {
                    headers
                        .get(name)
                        .and_then(|h| h.to_str().ok())
                        .unwrap_or("")
                        .to_owned()
                };
                let hosts = headers.get_all("host").iter().count();
                axum::Json(serde_json::json!({
                    "host": of("host"), "hosts": hosts, "x": of("x-test"), "body": body,
                }))
            }),
        )
        .route(
            "/picky",
            get(|headers: HeaderMap| async move {
                match headers.get(header::ACCEPT) {
                    Some(accept) if accept == "*/*" => StatusCode::OK,
                    _ => StatusCode::NOT_ACCEPTABLE,
                }
            }),
        )
        .route(
            "/big",
            get(|| async { "x".repeat(2 * 1024 * 1024) + "end" }),
        )
        .route(
            "/endless",
            get(|| async {
                let pieces = futures_util::stream::repeat_with(|| {
                    Ok::<_, std::io::Error>("y".repeat(9_000))
                });
                Body::from_stream(pieces)
            }),
        )
        .route(
            "/broken",
            get(|| async {
                let pieces = [Ok("part"), Err(std::io::Error::other("gone"))];
                Body::from_stream(futures_util::stream::iter(pieces))
            }),
        )
        .route(
            "/green",
            get(|| async { ([("x-greenroom-slot", "green")], "hello") }),
        )
        .route(
            "/purple",
            get(|| async { ([("x-greenroom-slot", "purple")], "hello") }),
        )
        .route(
            "/green-ill",
            get(|| async {
                (
                    StatusCode::BAD_GATEWAY,
                    [("x-greenroom-slot", "green")],
                    "no upstream",
                )
                    .into_response()
            }),
        )
        .route(
            "/forwarded",
            get(|headers: HeaderMap| async move {
                let of = |name| headers.get(name).and_then(|header| header.to_str().ok());
                let expected = (Some("shop.example.com"), Some("http"), Some("127.0.0.1"));
                let got = (of("host"), of("x-forwarded-proto"), of("x-forwarded-for"));
                if got == expected {
                    "as a proxy asks".into_response()
                } else {
                    (StatusCode::MOVED_PERMANENTLY, format!("{got:?}")).into_response()
                }
            }),
        )
        .route(
            "/bye",
            get(|| async { ([(header::CONNECTION, "close")], "bye") }),
        )
}

/// Changes a case into one that cannot be answered.
type Spoil = fn(&mut Case);

fn health(path: &str) -> HealthCheck {
    HealthCheck {
        path: path.into(),
        host: None,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(500),
    }
}

fn case(path: &str) -> Case {
    Case {
        name: "a case".into(),
        timeout: Duration::from_secs(5),
        required: true,
        retries: 0,
        kind: CaseKind::Request(RequestCase {
            method: "GET".into(),
            path: path.into(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            body: None,
            through_preview: false,
            expect: Expectation::default(),
        }),
    }
}

#[tokio::test]
async fn an_instance_is_healthy_when_it_answers_2xx_on_tcp_and_on_a_socket() {
    let checker = HttpChecker::new();
    for server in Server::both().await {
        let good = checker.health(&server.at, &health("/health")).await;
        assert!(good.healthy && good.detail == "HTTP 200: ok", "{good:?}");
        let ill = checker.health(&server.at, &health("/ill")).await;
        assert!(
            !ill.healthy && ill.detail == "HTTP 503: draining",
            "{ill:?}"
        );
        let moved = checker.health(&server.at, &health("/moved")).await;
        assert!(!moved.healthy, "{moved:?}");
        let said = "HTTP 307: a redirect to /health, which Greenroom does not follow";
        assert_eq!(moved.detail, said);
        let slow = checker.health(&server.at, &health("/slow")).await;
        assert!(
            !slow.healthy && slow.detail.contains("within 500ms"),
            "{slow:?}"
        );
        assert!(slow.took >= Duration::from_millis(500) && slow.took < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn a_health_probe_sends_the_headers_of_its_check() {
    let app = Router::new().route(
        "/health",
        get(|headers: HeaderMap| async move {
            let is_https = headers
                .get("x-forwarded-proto")
                .is_some_and(|it| it == "https");
            if is_https {
                "ok".into_response()
            } else {
                Redirect::permanent("https://web.example/health?token=hunter2").into_response()
            }
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = Address::from(listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let checker = HttpChecker::new();
    let mut check = health("/health");
    let probe = checker.health(&at, &check).await;
    let said =
        "HTTP 308: a redirect to https://web.example/health, which Greenroom does not follow";
    assert_eq!((probe.healthy, probe.detail.as_str()), (false, said));
    check
        .headers
        .insert("X-Forwarded-Proto".into(), "https".into());
    let probe = checker.health(&at, &check).await;
    assert!(probe.healthy, "{probe:?}");
}

#[tokio::test]
async fn a_missing_instance_is_unhealthy_with_its_cause() {
    let checker = HttpChecker::new();
    let closed = Address::from(SocketAddr::from(([127, 0, 0, 1], free_port())));
    let probe = checker.health(&closed, &health("/health")).await;
    assert!(
        !probe.healthy && probe.detail.contains("refused"),
        "{probe:?}"
    );
    let nothing = Address::Unix("/nonexistent/web.sock".into());
    let probe = checker.health(&nothing, &health("/health")).await;
    assert!(
        !probe.healthy && probe.detail.contains("No such file"),
        "{probe:?}"
    );
}

#[tokio::test]
async fn a_probe_resolves_the_host_of_its_address() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    let port = server.at.port().expect("a port");
    let by_name: Address = format!("LocalHost:{port}").parse().expect("an address");
    let mut case = case("/echo");
    request_of(&mut case).expect.json =
        [("/host".to_owned(), format!("localhost:{port}").into())].into();
    let report = checker.run(&case, &by_name, None).await;
    assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
    let request = format!("GET http://localhost:{port}/echo");
    assert_eq!(report.request, request);

    let mut check = health("/health");
    check.timeout = Duration::from_secs(30);
    let unknown = "web.invalid:80".parse().expect("an address");
    let probe = checker.health(&unknown, &check).await;
    assert!(!probe.healthy, "{probe:?}");
    let said = "no connection: web.invalid cannot be resolved: ";
    assert!(probe.detail.starts_with(said), "{probe:?}");
    let public = PublicAddress {
        endpoint: unknown,
        ..server.public("/")
    };
    let answer = checker.public(&public, Connection::Kept).await;
    assert!(answer.detail.starts_with(said), "{answer:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_no_answer_over_tls() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    let port = server.at.port().expect("a port");
    let over_tls: Address = format!("https://localhost:{port}").parse().expect("it");
    let probe = checker.health(&over_tls, &health("/health")).await;
    let said = format!("no connection: no TLS with https://localhost:{port}: ");
    assert!(
        !probe.healthy && probe.detail.starts_with(&said),
        "{probe:?}"
    );
}

#[tokio::test]
async fn a_check_sends_its_request_and_judges_the_answer() {
    let checker = HttpChecker::new();
    for server in Server::both().await {
        let mut case = case("/echo?a=b");
        request_of(&mut case).method = "PUT".into();
        request_of(&mut case).headers = [("x-test", "1"), ("host", "own.example.com")]
            .map(|(n, v)| (n.to_owned(), v.into()))
            .into();
        request_of(&mut case).body = Some("hello".into());
        request_of(&mut case).expect.json = [
            ("/host", serde_json::json!("own.example.com")),
            ("/hosts", serde_json::json!(1)),
            ("/x", serde_json::json!("1")),
            ("/body", serde_json::json!("hello")),
        ]
        .map(|(pointer, value)| (pointer.to_owned(), value))
        .into();
        let report = checker.run(&case, &server.at, None).await;
        assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
        request_of(&mut case).expect.status = Some(201);
        let report = checker.run(&case, &server.at, None).await;
        assert_eq!(report.verdict, Verdict::Failed);
        assert_eq!(report.detail, "status 200 instead of 201");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::on_tcp().await;
    let mut case = case("/moved");
    request_of(&mut case).expect.status = Some(307);
    request_of(&mut case).expect.headers = [("location".to_owned(), "/health".to_owned())].into();
    let report = HttpChecker::new().run(&case, &server.at, None).await;
    assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
}

#[tokio::test]
async fn a_large_or_endless_body_is_cut() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    let mut case = case("/big");
    request_of(&mut case).expect.body_contains = Some("end".into());
    let report = checker.run(&case, &server.at, None).await;
    assert_eq!(
        report.verdict,
        Verdict::Failed,
        "text after the cut is not found"
    );
    request_of(&mut case).path = "/endless".into();
    request_of(&mut case).expect.body_contains = Some("yyy".into());
    let report = checker.run(&case, &server.at, None).await;
    assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
}

#[tokio::test]
async fn no_answer_is_an_error_and_not_a_failed_check() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    let spoils: [(&str, Spoil); 7] = [
        ("within 200ms", |c| {
            request_of(c).path = "/slow".into();
            c.timeout = Duration::from_millis(200);
        }),
        ("connection closed", |c| {
            request_of(c).path = "/broken".into();
        }),
        ("is not a path", |c| {
            request_of(c).path = "@evil.example.com/".into();
        }),
        ("is not an HTTP method", |c| {
            request_of(c).method = "G T".into();
        }),
        ("\"x-key\"", |c| {
            request_of(c)
                .headers
                .insert("x-key".into(), "secret\n".into());
        }),
        ("not a header name", |c| {
            request_of(c).headers.insert("x y".into(), "secret".into());
        }),
        ("has none", |c| request_of(c).through_preview = true),
    ];
    for (words, spoil) in spoils {
        let mut case = case("/health");
        spoil(&mut case);
        let report = checker.run(&case, &server.at, None).await;
        assert_eq!(report.verdict, Verdict::Errored, "{report:?}");
        assert!(report.detail.contains(words), "{words:?} in {report:?}");
        assert!(!report.detail.contains("secret"), "{report:?}");
    }
}

#[tokio::test]
async fn a_server_of_another_protocol_is_an_error() {
    for said in [
        "",
        "\u{1b}[2J\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = Address::from(listener.local_addr().expect("an address"));
        let liar = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(said.as_bytes()).await;
            }
        });
        let report = HttpChecker::new().run(&case("/"), &at, None).await;
        assert_eq!(report.verdict, Verdict::Errored, "{said:?}: {report:?}");
        assert!(!report.detail.chars().any(char::is_control), "{report:?}");
        liar.abort();
    }
}

#[tokio::test]
async fn a_check_through_the_preview_sends_its_host() {
    let (candidate, proxy) = (Server::on_tcp().await, Server::on_tcp().await);
    let mut case = case("/echo");
    request_of(&mut case).through_preview = true;
    request_of(&mut case).expect.json =
        [("/host".to_owned(), serde_json::json!("shop.example.com"))].into();
    let preview = proxy.public("/ignored");
    let report = HttpChecker::new()
        .run(&case, &candidate.at, Some(&preview))
        .await;
    assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
    assert_eq!((candidate.connections(), proxy.connections()), (0, 1));
}

#[tokio::test]
async fn the_public_answer_names_the_slot_and_the_error() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    let ask = |path: &str| {
        let address = server.public(path);
        let checker = &checker;
        async move { checker.public(&address, Connection::Fresh).await }
    };
    let good = ask("/green").await;
    assert_eq!(
        (good.slot, good.status, good.detail.as_str()),
        (Some(Slot::Green), Some(200), "")
    );
    let unknown = ask("/purple").await;
    assert_eq!((unknown.slot, unknown.status), (None, Some(200)));
    let ill = ask("/green-ill").await;
    assert_eq!((ill.slot, ill.status), (Some(Slot::Green), Some(502)));
    assert_eq!(ill.detail, "HTTP 502: no upstream");
    let closed = PublicAddress {
        endpoint: Address::from(SocketAddr::from(([127, 0, 0, 1], free_port()))),
        ..server.public("/")
    };
    let closed = checker.public(&closed, Connection::Kept).await;
    assert_eq!((closed.slot, closed.status), (None, None));
    assert!(closed.detail.contains("refused"), "{closed:?}");
}

#[tokio::test]
async fn a_direct_request_has_the_headers_of_a_proxy() {
    for server in Server::both().await {
        let checker = HttpChecker::new();
        let none = BTreeMap::new();
        let direct = checker
            .direct(&server.at, &server.public("/forwarded"), &none)
            .await;
        assert_eq!(direct.status, Some(200), "{direct:?}");
        let public = PublicAnswer {
            slot: Some(Slot::Green),
            status: Some(200),
            body: Some(BodyClass::of(
                Some("text/plain"),
                b"shop.example.com http 127.0.0.1",
            )),
            detail: String::new(),
        };
        assert_eq!(public.difference(&direct, Slot::Green), None, "{direct:?}");
        // A slot in the application's own header does not count as the proxy's choice.
        let claimed = checker
            .direct(&server.at, &server.public("/green"), &none)
            .await;
        assert_eq!((claimed.slot, claimed.status), (None, Some(200)));
        // Headers of the health check override the defaults for a proxy.
        let over_tls = BTreeMap::from([("X-Forwarded-Proto".to_owned(), "https".into())]);
        let moved = checker
            .direct(&server.at, &server.public("/forwarded"), &over_tls)
            .await;
        assert_eq!(moved.status, Some(301));
        // Behind a public address with TLS, the proxy says so.
        let public = PublicAddress {
            endpoint: "https://shop.example.com".parse().expect("an address"),
            ..server.public("/forwarded")
        };
        let moved = checker.direct(&server.at, &public, &none).await;
        assert_eq!(moved.status, Some(301));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fresh_requests_use_new_connections_and_kept_ones_reuse_one() {
    for server in Server::both().await {
        let checker = Arc::new(HttpChecker::new());
        let address = server.public("/green");
        for _ in 0..20 {
            let answer = checker.public(&address, Connection::Fresh).await;
            assert_eq!(answer.status, Some(200), "{answer:?}");
        }
        assert_eq!(server.connections(), 20);
        for _ in 0..300 {
            let answer = checker.public(&address, Connection::Kept).await;
            assert_eq!(answer.status, Some(200), "{answer:?}");
        }
        let together: Vec<_> = (0..20)
            .map(|_| {
                let (checker, address) = (checker.clone(), address.clone());
                tokio::spawn(async move { checker.public(&address, Connection::Kept).await })
            })
            .collect();
        for ask in together {
            assert_eq!(ask.await.expect("asked").status, Some(200));
        }
        assert_eq!(server.connections(), 21);
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_reopened() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    for _ in 0..3 {
        let answer = checker
            .public(&server.public("/bye"), Connection::Kept)
            .await;
        assert_eq!(answer.status, Some(200), "{answer:?}");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn both_connections_accept_any_kind_of_answer() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    for connection in [Connection::Fresh, Connection::Kept] {
        let answer = checker.public(&server.public("/picky"), connection).await;
        assert_eq!(answer.status, Some(200), "{connection:?}: {answer:?}");
    }
}

/// Two targets behind one nginx have the same endpoint, and differ by their host.
#[tokio::test]
async fn a_hanging_host_does_not_delay_another_at_the_same_endpoint() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    let slow = server.public("/slow");
    let good = PublicAddress {
        host: "api.example".into(),
        ..server.public("/green")
    };
    assert_ne!(slow.host, good.host);
    let (hangs, started) = (checker.public(&slow, Connection::Kept), Instant::now());
    tokio::select! {
        biased;
        _ = hangs => panic!("it hangs"),
        answer = checker.public(&good, Connection::Kept) => assert_eq!(answer.status, Some(200)),
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_hanging_address_does_not_delay_another() {
    let (checker, hanging, good) = (
        HttpChecker::new(),
        Server::on_tcp().await,
        Server::on_tcp().await,
    );
    let slow = hanging.public("/slow");
    let (hangs, started) = (checker.public(&slow, Connection::Kept), Instant::now());
    tokio::select! {
        _ = hangs => panic!("it hangs"),
        answer = async {
            let address = good.public("/green");
            checker.public(&address, Connection::Kept).await
        } => assert_eq!(answer.status, Some(200)),
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_report_shows_request_and_answer_without_secrets() {
    let (checker, server) = (HttpChecker::new(), Server::on_tcp().await);
    let mut ill = case("/ill?access_token=hunter2");
    request_of(&mut ill).headers = [
        ("authorization".to_owned(), "Bearer hunter2".into()),
        ("x-test".to_owned(), "yes".into()),
    ]
    .into();
    let report = checker.run(&ill, &server.at, None).await;
    assert_eq!(report.verdict, Verdict::Failed);
    let Address::Ip { at, .. } = &server.at else {
        panic!("a port")
    };
    assert_eq!(
        report.request,
        format!("GET http://{at}/ill?access_token=(hidden)\nauthorization: (hidden)\nx-test: yes")
    );
    assert!(
        report.response.starts_with("HTTP 503\n") && report.response.ends_with("\n\ndraining"),
        "{:?}",
        report.response
    );
    let big = checker.run(&case("/big"), &server.at, None).await;
    assert!(big.response.chars().count() < 1000, "{}", big.response);
    let closed = Address::from(SocketAddr::from(([127, 0, 0, 1], free_port())));
    let closed = checker.run(&case("/"), &closed, None).await;
    assert!(closed.request.starts_with("GET http://127.0.0.1:"));
    assert_eq!(closed.response, "");
}
