//! The report of the answer listener about a target, and the client that reads this report.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::inventory::{PerSlot, ProxyAnswer, Rates, RequestCount, Target};
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

use super::site::Site;

/// The time limit for a connection and for an answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// The most bytes of an answer that are read.
pub(super) const LONGEST: usize = 256 * 1024;

/// The hint if the proxy does not serve a target, or serves it with an older configuration.
pub(super) const RESTART: &str = "restart the process that runs the proxy";

/// The start of the query that asks how many requests have ended since a time. The time follows as a Unix time in
/// seconds.
const COUNTED_SINCE: &str = "counted_since=";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// How the proxy routes the target.
    #[serde(flatten)]
    pub(super) proxy: ProxyAnswer,
    /// The number of open requests to each slot.
    pub(super) open: PerSlot<u64>,
    /// The traffic of the last seconds. None if the proxy is an older Greenroom that does not count traffic.
    #[serde(default)]
    pub(super) rates: Option<PerSlot<Rates>>,
}

/// The name of the proxy in error messages.
pub(super) fn place(address: SocketAddr) -> String {
    format!("embedded proxy at {address}")
}

/// Reads the report over a new connection. Returns None if the proxy does not serve the target.
pub(super) async fn ask(address: SocketAddr, target: &Target) -> Result<Option<Answer>> {
    let doing = format!("reading how {target} is routed");
    ask_for(address, &Site::answer_path(target), &doing, DEADLINE).await
}

/// Reads how many public requests to each slot have ended since `second`, a Unix time. Returns None if the proxy does
/// not serve the target.
pub(super) async fn ask_counted(
    address: SocketAddr,
    target: &Target,
    second: i64,
) -> Result<Option<PerSlot<RequestCount>>> {
    let doing = format!("counting the requests of {target}");
    let path = format!("{}?{COUNTED_SINCE}{second}", Site::answer_path(target));
    ask_for(address, &path, &doing, DEADLINE).await
}

/// Parses the query that [`ask_counted`] sends. Returns None for any other query.
pub(super) fn counted_since(query: &str) -> Option<i64> {
    query.strip_prefix(COUNTED_SINCE)?.parse().ok()
}

/// Requests a path of the answer listener. Returns None if the path does not exist.
pub(super) async fn ask_for<T: DeserializeOwned>(
    address: SocketAddr,
    path: &str,
    doing: &str,
    deadline: Duration,
) -> Result<Option<T>> {
    let failed = |kind, message: &str| Failure::new(kind, place(address), doing, sanitize(message));
    let stream = match timeout(DEADLINE, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(failed(FailureKind::Unreachable, &error.to_string()).hint(
                "check that the process that runs this proxy, e.g. greenroom sandbox, is running",
            ));
        }
        Err(_) => {
            return Err(failed(
                FailureKind::Unreachable,
                &format!("no connection within {} s", DEADLINE.as_secs()),
            ));
        }
    };
    let (status, body) = match timeout(deadline, get(stream, path)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(failed(FailureKind::Garbled, &error)),
        Err(_) => {
            return Err(failed(
                FailureKind::Unreachable,
                &format!("no answer within {} s", deadline.as_secs()),
            ));
        }
    };
    let text = String::from_utf8_lossy(&body);
    match status {
        StatusCode::OK => serde_json::from_slice(&body)
            .map(Some)
            .map_err(|error| failed(FailureKind::Garbled, &error.to_string())),
        StatusCode::NOT_FOUND => Ok(None),
        other => Err(failed(
            FailureKind::Rejected,
            &format!("the proxy answered {other}: {text}"),
        )),
    }
}

async fn get(stream: TcpStream, path: &str) -> std::result::Result<(StatusCode, Bytes), String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let request = Request::get(path)
        .header("host", "greenroom")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    };
    // One task drives both futures, so both end at the deadline.
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        done = &mut exchange => done,
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(error.to_string()),
        },
    }
}
