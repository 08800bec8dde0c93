//! One connection for each address, kept from asking to asking as a browser keeps one. A pool would
//! open a second one whenever the first is not back yet, and then nobody could say over which
//! connection an answer came.

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

use super::asking::{LONGEST, header_pairs};
use super::{AGENT, words};
use crate::checks::Answer;
use crate::inventory::{Endpoint, PublicAddress};

type Sender = SendRequest<Empty<Bytes>>;

/// Where a connection is kept between two requests.
type Place = Arc<Mutex<Option<Sender>>>;

/// The connections that are kept. None of them while one is being asked over: a connection whose
/// answer was not read to its end is not used again.
#[derive(Default)]
pub(super) struct Kept {
    /// By endpoint and host: a target that hangs does not hold up another behind the same proxy.
    by_address: Mutex<BTreeMap<(Endpoint, String), Place>>,
}

impl Kept {
    /// Asks for the path of the address; opens a connection if there is none any more.
    pub(super) async fn ask(
        &self,
        address: &PublicAddress,
        time_limit: Duration,
    ) -> Result<Answer, String> {
        let key = (address.endpoint.clone(), address.host.clone());
        let place = self.by_address.lock().await.entry(key).or_default().clone();
        // One at a time: HTTP/1 has no other way over one connection.
        let asking = async {
            let mut place = place.lock().await;
            let (answer, sender) = exchange(place.take(), address).await?;
            *place = Some(sender);
            Ok(answer)
        };
        match tokio::time::timeout(time_limit, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(words::too_late(time_limit)),
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
            // The server had ended it, and the request never left.
            Err(error) if error.is_canceled() => {}
            Err(error) => return Err(words::of_any("no answer", &error)),
        }
    }
    let began = Instant::now();
    let mut sender = connect(&address.endpoint).await?;
    let response = sender
        .send_request(request(address)?)
        .await
        .map_err(|error| words::of_any("no answer", &error))?;
    Ok((read(response, began).await?, sender))
}

async fn connect(at: &Endpoint) -> Result<Sender, String> {
    let refused = |error| words::of_any("no connection", &error);
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
        .map_err(|error| words::of_any("no connection", &error))?;
    // Ends when the sender is dropped or the server ends it; what went wrong is told to the sender.
    tokio::spawn(connection);
    Ok(sender)
}

fn request(address: &PublicAddress) -> Result<Request<Empty<Bytes>>, String> {
    Request::get(&address.path)
        .header(HOST, &address.host)
        .header(USER_AGENT, AGENT)
        // As the fresh connections do: an application may answer otherwise without it.
        .header(ACCEPT, "*/*")
        .body(Empty::new())
        .map_err(|error| words::of_any("the address cannot be asked", &error))
}

async fn read(mut response: hyper::Response<Incoming>, began: Instant) -> Result<Answer, String> {
    let mut body = Vec::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| words::of_any("the answer broke off", &error))?;
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
