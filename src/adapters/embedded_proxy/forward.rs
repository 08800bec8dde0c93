//! Forwards one request: chooses the slot and returns its answer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::count::{Counted, Open, Streamed};
use super::recent::{Recent, RequestSummary};
use super::request_body::RequestBody;
use super::site::Site;
use crate::adapters::connect::{Stream, connect};
use crate::inventory::{Address, Door, Slot};
use crate::sanitize::sanitize;

/// The time limit to connect to a slot.
const CONNECT: Duration = Duration::from_secs(5);

/// The time limit for a slot to start its answer.
const ANSWER_START: Duration = Duration::from_mins(1);

/// The most characters of a protocol name that an error repeats. The client chooses the name.
const SHOWN_PROTOCOL: usize = 40;

/// Headers that belong to one connection (RFC 9110, 7.6.1), plus the older `keep-alive` and `proxy-connection`.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A streamed body, or a short text from the proxy itself.
pub(super) type Content = Either<Streamed, Full<Bytes>>;

/// The configuration and the counters for forwarding the requests of one target.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) site: Site,
    /// The symbolic link of the live pointer.
    pub(super) link: PathBuf,
    pub(super) open: Open,
    pub(super) recent: Recent,
    /// Counts the requests, so that the members of a slot get them in turn.
    pub(super) turn: AtomicUsize,
    /// The longest time in which a client may send nothing of a request body.
    pub(super) body_idle: Duration,
}

impl Traffic {
    /// Reads the live slot; none if no slot is live or the pointer cannot be read. The read takes one system call and
    /// opens no file.
    fn live(&self) -> Option<Slot> {
        let to = std::fs::read_link(&self.link).ok()?;
        to.to_str()?.trim_end_matches('/').parse().ok()
    }

    pub(super) async fn pass(
        &self,
        request: Request<Incoming>,
        door: Door,
        peer: SocketAddr,
    ) -> Response<Content> {
        if door == Door::Preview && !self.site.may_preview(peer.ip()) {
            let message = format!(
                "this preview refuses requests from {}: preview_allow does not list the address",
                peer.ip()
            );
            return text_response(StatusCode::FORBIDDEN, &message);
        }
        if let Some(protocol) = needed_protocol(request.headers()) {
            let message = format!("this proxy does not support {protocol}, only plain HTTP/1.1");
            return text_response(StatusCode::NOT_IMPLEMENTED, &message);
        }
        let live = self.live();
        match (door, live) {
            (Door::Public, Some(slot)) => self.public(request, slot, peer).await,
            (Door::Public, None) => text_response(
                StatusCode::SERVICE_UNAVAILABLE,
                "no slot is live, or the live pointer cannot be read",
            ),
            (Door::Preview, Some(slot)) => self.preview(request, &[slot.other()], peer).await,
            // If no slot is known to be live, either slot can hold the candidate.
            (Door::Preview, None) => self.preview(request, &Slot::BOTH, peer).await,
        }
    }

    async fn public(
        &self,
        request: Request<Incoming>,
        slot: Slot,
        peer: SocketAddr,
    ) -> Response<Content> {
        let request_line = RequestSummary::read(&request, Door::Public);
        let recorded = request_line.map(|request_line| self.recent.note(request_line, slot));
        let mut counted = self.open.begin(slot).recorded(recorded);
        let answer = if let Some(stream) = self.open_slot(slot).await {
            exchange(request, stream, (peer, self.body_idle), counted).await
        } else {
            counted.answered(StatusCode::BAD_GATEWAY);
            text_response(StatusCode::BAD_GATEWAY, "the live slot does not answer")
        };
        stamped(answer, slot)
    }

    /// Connects to the members of a slot in turn. A member that does not accept the connection is left out.
    async fn open_slot(&self, slot: Slot) -> Option<Box<dyn Stream>> {
        let addresses = self.site.slots.get(slot);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.members();
        let in_turn = addresses.iter().cycle().skip(turn);
        for address in in_turn.take(addresses.members()) {
            if let Some(stream) = open(address).await {
                return Some(stream);
            }
        }
        None
    }

    async fn preview(
        &self,
        request: Request<Incoming>,
        slots: &[Slot],
        peer: SocketAddr,
    ) -> Response<Content> {
        for slot in slots {
            let counted = self.open.begin(*slot);
            let Some(stream) = self.open_slot(*slot).await else {
                continue;
            };
            let request_line = RequestSummary::read(&request, Door::Preview);
            let recorded = request_line.map(|request_line| self.recent.note(request_line, *slot));
            let counted = counted.recorded(recorded);
            let answer = exchange(request, stream, (peer, self.body_idle), counted).await;
            // The slot became live while it answered, so the answer is not a preview.
            if self.live() == Some(*slot) {
                break;
            }
            return stamped(answer, *slot);
        }
        text_response(
            StatusCode::SERVICE_UNAVAILABLE,
            "no candidate is running, or it became live during this request",
        )
    }
}

async fn open(member: &Address) -> Option<Box<dyn Stream>> {
    timeout(CONNECT, connect(member, CONNECT)).await.ok()?.ok()
}

async fn exchange(
    request: Request<Incoming>,
    stream: Box<dyn Stream>,
    (peer, body_idle): (SocketAddr, Duration),
    mut counted: Counted,
) -> Response<Content> {
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        counted.answered(StatusCode::BAD_GATEWAY);
        return text_response(StatusCode::BAD_GATEWAY, "the slot does not answer");
    };
    // This task ends when the answer has been passed on, or when the client no longer waits.
    tokio::spawn(connection);
    let response =
        sender.send_request(outgoing(request, peer).map(|body| RequestBody::new(body, body_idle)));
    match timeout(ANSWER_START, response).await {
        Ok(Ok(answer)) => {
            counted.answered(answer.status());
            incoming(answer, counted)
        }
        Ok(Err(_)) => {
            counted.answered(StatusCode::BAD_GATEWAY);
            text_response(
                StatusCode::BAD_GATEWAY,
                "the connection to the slot broke, or the request body did not arrive",
            )
        }
        Err(_) => {
            counted.answered(StatusCode::GATEWAY_TIMEOUT);
            text_response(
                StatusCode::GATEWAY_TIMEOUT,
                "the slot did not answer in time",
            )
        }
    }
}

/// Rewrites a request to the form in which the slot receives it.
fn outgoing(mut request: Request<Incoming>, peer: SocketAddr) -> Request<Incoming> {
    strip(request.headers_mut());
    *request.version_mut() = Version::HTTP_11;
    let authority = request.uri().authority().map(ToString::to_string);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    let headers = request.headers_mut();
    if !headers.contains_key(HOST) {
        let host = authority.unwrap_or_else(|| "localhost".to_owned());
        set_header(headers, HOST, &host);
    }
    let forwarded = HeaderName::from_static("x-forwarded-for");
    set_header(headers, forwarded, &peer.ip().to_string());
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    request
}

/// Rewrites an answer to the form in which the client receives it.
fn incoming(answer: Response<Incoming>, counted: Counted) -> Response<Content> {
    let mut answer = answer.map(|body| Either::Left(Streamed::new(body, counted)));
    strip(answer.headers_mut());
    *answer.version_mut() = Version::HTTP_11;
    answer
}

/// Returns the protocol that the client insists on, such as `websocket`. An offer of a newer HTTP or of TLS is ignored,
/// because such a client also accepts an answer in plain HTTP/1.1.
fn needed_protocol(headers: &HeaderMap) -> Option<String> {
    let offered = headers.get_all(UPGRADE).into_iter();
    let offered = offered.filter_map(|value| value.to_str().ok());
    let mut offered = offered
        .flat_map(|value| value.split(','))
        .map(|protocol| protocol.trim().to_ascii_lowercase());
    let is_needed = |protocol: &String| {
        let is_optional =
            protocol == "h2c" || ["http/", "tls/"].iter().any(|it| protocol.starts_with(it));
        !protocol.is_empty() && !is_optional
    };
    let needed = offered.find(is_needed)?;
    Some(sanitize(&needed).chars().take(SHOWN_PROTOCOL).collect())
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn stamped(mut answer: Response<Content>, slot: Slot) -> Response<Content> {
    let value = HeaderValue::from_static(slot.as_str());
    answer.headers_mut().insert("x-greenroom-slot", value);
    answer
}

fn set_header(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// An answer from the proxy itself, as plain text.
pub(super) fn text_response(status: StatusCode, message: &str) -> Response<Content> {
    let mut answer = Response::new(Either::Right(Full::from(format!("greenroom: {message}\n"))));
    *answer.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert("content-type", text);
    answer
}
