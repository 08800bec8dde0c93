//! Asks a target's answer server what nginx has loaded, over a new connection: a worker of the
//! previous configuration could serve a kept one. The answer is not trusted.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::render::answer_name;
use crate::adapters::live_pointer::Pointer;
use crate::inventory::{Endpoint, ProxyAnswer, Slot, Target};
use crate::ports::FailureKind;
use crate::sanitize::sanitize;

/// The time limit of one request.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// The longest body, in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// Why there is no usable answer.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) kind: FailureKind,
    pub(super) said: String,
    /// No answer in time. It is unknown what it would have been.
    pub(super) late: bool,
}

impl Miss {
    fn new(kind: FailureKind, said: impl Into<String>) -> Self {
        Self {
            kind,
            said: said.into(),
            late: false,
        }
    }

    fn late(at: &Endpoint) -> Self {
        let said = format!("no answer at {at} within {} s", DEADLINE.as_secs());
        Self {
            late: true,
            ..Self::new(FailureKind::Unreachable, said)
        }
    }

    fn garbled(said: impl Into<String>) -> Self {
        Self::new(FailureKind::Garbled, said)
    }

    fn broken(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut said = error.to_string();
        if let Some(cause) = error.source() {
            said = format!("{said}: {cause}");
        }
        Self::garbled(sanitize(&said))
    }
}

/// Asks once.
pub(super) async fn ask(at: &Endpoint, target: &Target) -> Result<ProxyAnswer, Miss> {
    match timeout(DEADLINE, ask_without_deadline(at, target)).await {
        Ok(answer) => answer,
        Err(_) => Err(Miss::late(at)),
    }
}

async fn ask_without_deadline(at: &Endpoint, target: &Target) -> Result<ProxyAnswer, Miss> {
    let refused = |error: std::io::Error| {
        Miss::new(
            FailureKind::Unreachable,
            format!("{at}: {}", sanitize(&error.to_string())),
        )
    };
    match at {
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(refused)?;
            exchange(stream, target).await
        }
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(refused)?;
            exchange(stream, target).await
        }
    }
}

async fn exchange<S>(stream: S, target: &Target) -> Result<ProxyAnswer, Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
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
            // The connection ended without an error, so the answer is complete.
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
    // For a target without an answer server, nginx uses another one.
    if header(headers, "x-greenroom-target") != Some(&target.to_string()) {
        return Err(Miss::new(
            FailureKind::Missing,
            format!("nginx has loaded no configuration of {target}"),
        ));
    }
    if status != StatusCode::OK {
        return Err(Miss::garbled(format!("it answered {status}")));
    }
    let configuration = header(headers, "x-greenroom-configuration")
        .filter(|mark| !mark.is_empty() && mark.bytes().all(|b| b.is_ascii_alphanumeric()))
        .ok_or_else(|| Miss::garbled("it does not name its configuration"))?;
    let stamp = header(headers, "x-greenroom-slot").unwrap_or_default();
    let slot: Option<Slot> = stamp.parse().ok();
    let pointer = match slot {
        None if stamp == "none" && body.trim_ascii() == b"{}" => Pointer::default(),
        None if stamp == "unreadable" => {
            return Err(Miss::new(
                FailureKind::Denied,
                format!("its workers may not read the live pointer of {target}"),
            ));
        }
        None => return Err(Miss::garbled("it does not say which slot is live")),
        Some(slot) => Pointer::from_json(slot, body)
            .map_err(|said| Miss::garbled(format!("it says {slot}, but {}", sanitize(&said))))?,
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
