//! The answers of the sample application. Their texts must not change, because tests and the checks of the sandbox read
//! them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::calls::Calls;
use super::options::{Fault, SampleOptions};
use super::request_log::RequestLog;

/// The maximum delay of `/slow`.
const SLOWEST: Duration = Duration::from_mins(1);

pub(super) struct App {
    pub(super) options: SampleOptions,
    pub(super) host: String,
    pub(super) started: Instant,
    pub(super) calls: Calls,
    pub(super) log: RequestLog,
    /// The version as a header value, created once.
    pub(super) version_header: HeaderValue,
}

pub(super) fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/health", get(health))
        .route("/version", get(version))
        .route("/orders", get(orders))
        .route("/broken", get(broken))
        .route("/slow", get(slow))
        .route("/work", get(work))
        .fallback(not_found)
        .layer(from_fn_with_state(Arc::clone(&app), count_and_log))
        .with_state(app)
}

/// Counts and logs each request, and adds the version to each answer.
async fn count_and_log(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let uri = request.uri().clone();
    // Health probes are not counted, because they would outnumber all other calls.
    if uri.path() != "/health" {
        app.calls.count();
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(
        HeaderName::from_static("x-sample-version"),
        app.version_header.clone(),
    );
    let took = started.elapsed().as_micros();
    let status = response.status();
    let line = format_args!("{method} {uri} {} {took}us", status.as_u16());
    if status.is_server_error() {
        app.log.warn(line);
    } else {
        app.log.info(line);
    }
    response
}

async fn index(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "version": app.options.version,
        "host": app.host,
        "slot": app.options.slot,
        "calls": app.calls.total(),
        "deployments": app.calls.starts(),
    }))
}

async fn health(State(app): State<Arc<App>>) -> Response {
    if app.options.fault == Fault::Unhealthy {
        return (StatusCode::SERVICE_UNAVAILABLE, "unhealthy\n").into_response();
    }
    if app.started.elapsed() < app.options.starts_in {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response();
    }
    if app.options.fault == Fault::LargeHeader {
        let large = [("x-session", "x".repeat(16 * 1024))];
        return (large, "ok\n").into_response();
    }
    "ok\n".into_response()
}

async fn version(State(app): State<Arc<App>>) -> String {
    format!("{}\n", app.options.version)
}

async fn orders(State(app): State<Arc<App>>) -> Response {
    if app.options.fault == Fault::FailingChecks {
        let body = json!({"error": "no table \"orders\" in this version"});
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response();
    }
    Json(json!({
        "orders": [{"id": 1, "item": "lamp", "amount": 2}, {"id": 2, "item": "chair", "amount": 4}],
        "version": app.options.version,
    }))
    .into_response()
}

async fn broken(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    match app.options.fault {
        Fault::FailingChecks => (StatusCode::INTERNAL_SERVER_ERROR, "broken\n"),
        _ => (StatusCode::OK, "not broken\n"),
    }
}

/// Answers after `ms` milliseconds.
async fn slow(uri: Uri) -> (StatusCode, String) {
    let milliseconds = uri.query().and_then(|query| query.strip_prefix("ms="));
    let Ok(milliseconds) = milliseconds.unwrap_or("0").parse() else {
        return (StatusCode::BAD_REQUEST, "ask for /slow?ms=50\n".to_owned());
    };
    let wait = Duration::from_millis(milliseconds).min(SLOWEST);
    tokio::time::sleep(wait).await;
    (StatusCode::OK, format!("after {} ms\n", wait.as_millis()))
}

async fn work(State(app): State<Arc<App>>) -> Response {
    tokio::time::sleep(app.options.work).await;
    ([(header::CACHE_CONTROL, "no-store")], "done\n").into_response()
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "nothing here\n")
}
