//! One connection for each address, kept open between requests as a browser does. A pool would open a second connection
//! while the first is in use, and then Greenroom would not know which connection an answer used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;

use super::request::{LONGEST, header_pairs};
use super::{AGENT, describe};
use crate::checks::Answer;
use crate::inventory::{Endpoint, PublicAddress};

type Sender = SendRequest<Empty<Bytes>>;

/// Holds a connection between two requests.
type Place = Arc<Mutex<Option<Sender>>>;

/// The kept connections. A request takes the connection out, and puts it back only after the answer has been read to
/// the end.
#[derive(Default)]
pub(super) struct Kept {
    /// The connections by endpoint and host, so that a target that hangs does not delay another target behind the same
    /// proxy.
    by_address: Mutex<BTreeMap<(Endpoint, String), Place>>,
}

impl Kept {
    /// Requests the path of the address. Opens a connection if none is open.
    pub(super) async fn ask(
        &self,
        address: &PublicAddress,
        time_limit: Duration,
    ) -> Result<Answer, String> {
        let key = (address.endpoint.clone(), address.host.clone());
        let place = self.by_address.lock().await.entry(key).or_default().clone();
        // The lock allows one request at a time, as HTTP/1 requires on one connection.
        let asking = async {
            let mut place = place.lock().await;
            let (answer, sender) = exchange(place.take(), address).await?;
            *place = Some(sender);
            Ok(answer)
        };
        match tokio::time::timeout(time_limit, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(describe::too_late(time_limit)),
        }
    }
}

async fn exchange(
    kept: Option<Sender>,
    address: &PublicAddress,
) -> Result<(Answer, Sender), String> {
    if let Some(mut sender) = kept
        && sender.ready().await.is_ok()
    {
        let began = Instant::now();
        match sender.send_request(request(address)?).await {
            Ok(response) => return Ok((read(response, began).await?, sender)),
            // The server had closed the connection, and the request was not sent.
            Err(error) if error.is_canceled() => {}
            Err(error) => return Err(describe::of_any("no answer", &error)),
        }
    }
    let began = Instant::now();
    let mut sender = connect(&address.endpoint).await?;
    let response = sender
        .send_request(request(address)?)
        .await
        .map_err(|error| describe::of_any("no answer", &error))?;
    Ok((read(response, began).await?, sender))
}

async fn connect(at: &Endpoint) -> Result<Sender, String> {
    let refused = |error| describe::of_any("no connection", &error);
    match at {
        Endpoint::Tcp(address) => open(TcpStream::connect(address).await.map_err(refused)?).await,
        Endpoint::Unix(path) => open(UnixStream::connect(path).await.map_err(refused)?).await,
    }
}

async fn open<S>(stream: S) -> Result<Sender, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| describe::of_any("no connection", &error))?;
    // The task ends when the sender is dropped or the server closes the connection. The sender receives any error.
    tokio::spawn(connection);
    Ok(sender)
}

fn request(address: &PublicAddress) -> Result<Request<Empty<Bytes>>, String> {
    Request::get(&address.path)
        .header(HOST, &address.host)
        .header(USER_AGENT, AGENT)
        // Fresh connections send this header too. Without it, an application may answer differently.
        .header(ACCEPT, "*/*")
        .body(Empty::new())
        .map_err(|error| describe::of_any("no request can be made for the address", &error))
}

async fn read(mut response: hyper::Response<Incoming>, began: Instant) -> Result<Answer, String> {
    let mut body = Vec::new();
    while let Some(frame) = response.frame().await {
        let frame = frame
            .map_err(|error| describe::of_any("the connection broke during the answer", &error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if body.len() + data.len() > LONGEST {
            return Err(format!(
                "the answer has more than {} MiB; see greenroom help limits",
                LONGEST / (1024 * 1024)
            ));
        }
        body.extend_from_slice(&data);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        headers: header_pairs(response.headers()),
        body,
        took: began.elapsed(),
    })
}
