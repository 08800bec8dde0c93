//! Asks the answer server of a target what nginx has loaded. Each request uses a new connection, because a kept
//! connection could be served by a worker of the previous configuration. The answer is not trusted.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::render::answer_name;
use crate::adapters::connect::connect;
use crate::adapters::live_pointer::Pointer;
use crate::inventory::{Address, ProxyAnswer, Slot, Target};
use crate::ports::FailureKind;
use crate::sanitize::sanitize;

/// The time limit of one request.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// The most bytes of an answer that are read.
pub(super) const LONGEST: usize = 16 * 1024;

/// The reason why nginx gave no usable answer.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) kind: FailureKind,
    pub(super) message: String,
    /// Whether the time limit passed, so that the state of nginx is unknown.
    pub(super) late: bool,
}

impl Miss {
    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            late: false,
        }
    }

    fn late(at: &Address) -> Self {
        let message = format!("no answer from {at} within {} s", DEADLINE.as_secs());
        Self {
            late: true,
            ..Self::new(FailureKind::Unreachable, message)
        }
    }

    fn garbled(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Garbled, message)
    }

    /// What the operator can do.
    pub(super) fn hint(&self) -> &'static str {
        match self.kind {
            FailureKind::Unreachable => {
                "check that nginx is running and that the configuration is installed"
            }
            FailureKind::Missing => {
                "the next release or greenroom repair installs the configuration. If it is installed, check that this address is the answer server of this nginx"
            }
            FailureKind::Denied => {
                "make the state directory and its parent directories readable for the user of nginx's workers"
            }
            _ => "check that this address is the answer server of this nginx",
        }
    }

    fn broken(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut message = error.to_string();
        if let Some(cause) = error.source() {
            message = format!("{message}: {cause}");
        }
        Self::garbled(sanitize(&message))
    }
}

/// Asks the answer server at `at` once, with a time limit.
pub(super) async fn ask(at: &Address, target: &Target) -> Result<ProxyAnswer, Miss> {
    match timeout(DEADLINE, ask_without_deadline(at, target)).await {
        Ok(answer) => answer,
        Err(_) => Err(Miss::late(at)),
    }
}

async fn ask_without_deadline(at: &Address, target: &Target) -> Result<ProxyAnswer, Miss> {
    let stream = connect(at, DEADLINE).await.map_err(|error| {
        if error.late {
            return Miss::late(at);
        }
        Miss::new(
            FailureKind::Unreachable,
            format!("cannot connect to {at}: {error}"),
        )
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Miss::broken(&error))?;
    let request = Request::get("/")
        .header(HOST, answer_name(target))
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Miss::broken(&error))?;
    let answering = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| Miss::broken(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST)
            .collect()
            .await
            .map_err(|error| Miss::broken(error.as_ref()))?;
        Ok((head, body.to_bytes()))
    };
    tokio::pin!(connection, answering);
    let answered = tokio::select! {
        biased;
        answered = &mut answering => answered,
        ended = &mut connection => match ended {
            Err(error) => Err(Miss::broken(&error)),
            // The connection ended without an error. The answer may have arrived before the end.
            Ok(()) => answering.await,
        },
    };
    let (head, body) = answered?;
    parse_answer(head.status, &head.headers, &body, target)
}

fn parse_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    target: &Target,
) -> Result<ProxyAnswer, Miss> {
    // If a target has no answer server, nginx answers from the answer server of another target.
    if header(headers, "x-greenroom-target") != Some(&target.to_string()) {
        return Err(Miss::new(
            FailureKind::Missing,
            format!(
                "the answer is not for {target}: nginx has not loaded the configuration of this target, or another server answered"
            ),
        ));
    }
    if status != StatusCode::OK {
        return Err(Miss::garbled(format!(
            "the answer server answered {status}"
        )));
    }
    let configuration = header(headers, "x-greenroom-configuration")
        .filter(|mark| !mark.is_empty() && mark.bytes().all(|b| b.is_ascii_alphanumeric()))
        .ok_or_else(|| Miss::garbled("the answer does not name the configuration"))?;
    let stamp = header(headers, "x-greenroom-slot").unwrap_or_default();
    let slot: Option<Slot> = stamp.parse().ok();
    let pointer = match slot {
        None if stamp == "none" && body.trim_ascii() == b"{}" => Pointer::default(),
        None if stamp == "unreadable" => {
            return Err(Miss::new(
                FailureKind::Denied,
                format!("the workers of nginx cannot read the live pointer of {target}"),
            ));
        }
        None => return Err(Miss::garbled("the answer does not name the live slot")),
        Some(slot) => Pointer::from_json(slot, body).map_err(|error| {
            Miss::garbled(format!(
                "nginx says that {slot} is live, but its answer is not valid: {}",
                sanitize(&error)
            ))
        })?,
    };
    Ok(ProxyAnswer {
        slot: pointer.slot,
        generation: pointer.generation,
        token: pointer.token,
        configuration: configuration.to_owned(),
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
