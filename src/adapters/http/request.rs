//! One request and its answer over a connection.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use reqwest::Url;

use super::{AGENT, describe};
use crate::adapters::connect::connect;
use crate::checks::Answer;
use crate::inventory::{Address, PublicAddress};

/// The most bytes of a body that are read.
pub(super) const LONGEST: usize = 1024 * 1024;

/// The time limit to connect.
const CONNECTING: Duration = Duration::from_secs(5);

/// A connection that can send a request.
pub(super) type Sender = SendRequest<Full<Bytes>>;

#[derive(Clone, Copy)]
pub(super) struct OutgoingRequest<'a> {
    pub(super) at: &'a Address,
    pub(super) method: &'a str,
    /// The path with its query.
    pub(super) path: &'a str,
    /// The `Host` header; the host of the address when absent. A host in `headers` replaces it.
    pub(super) host: Option<&'a str>,
    pub(super) headers: Option<&'a BTreeMap<String, String>>,
    pub(super) body: Option<&'a str>,
    pub(super) timeout: Duration,
}

impl<'a> OutgoingRequest<'a> {
    /// A `GET` without further headers.
    pub(super) fn get(at: &'a Address, path: &'a str, timeout: Duration) -> Self {
        Self {
            at,
            method: "GET",
            path,
            host: None,
            headers: None,
            body: None,
            timeout,
        }
    }

    /// The request for a public address.
    pub(super) fn public(address: &'a PublicAddress, timeout: Duration) -> Self {
        Self {
            host: Some(&address.host),
            ..Self::get(&address.endpoint, &address.path, timeout)
        }
    }

    /// The path in the form in which it is sent: without `..`, and with special characters percent-encoded.
    fn uri(&self) -> Result<Uri, String> {
        if !self.path.starts_with('/') {
            return Err(format!(
                "{:?} is not a path: a path starts with /",
                self.path
            ));
        }
        let wrong = |why: &dyn std::fmt::Display| format!("{:?} is not a path: {why}", self.path);
        let url = Url::parse(&format!("http://localhost{}", self.path));
        let url = url.map_err(|error| wrong(&error))?;
        let query = url.query().map(|query| format!("?{query}"));
        let path = format!("{}{}", url.path(), query.unwrap_or_default());
        path.parse::<Uri>().map_err(|error| wrong(&error))
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, String> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("{:?} is not an HTTP method", self.method))?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let host = self.host.map_or_else(|| self.at.http_host(), str::to_owned);
        headers.insert(HOST, header_value("host", &host)?);
        // Configured headers replace headers of the same name. Appending them could send two `Host` headers.
        for (name, value) in self.headers.into_iter().flatten() {
            let value = header_value(name, value)?;
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("{name:?} is not a header name"))?;
            headers.insert(name, value);
        }
        let body = self.body.unwrap_or_default().to_owned();
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri()?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Opens a connection for this request.
    pub(super) async fn connect(&self) -> Result<Sender, String> {
        let connected = connect(self.at, CONNECTING.min(self.timeout)).await;
        let stream = connected.map_err(|error| format!("no connection: {error}"))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| describe::of_any("no connection", &error))?;
        // The task ends when the sender is dropped or the server closes the connection. The sender receives any error.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends the request. None if the server had closed the connection, and the request was not sent.
    pub(super) async fn send(
        &self,
        sender: &mut Sender,
    ) -> Result<Option<Response<Incoming>>, String> {
        match sender.send_request(self.request()?).await {
            Ok(response) => Ok(Some(response)),
            Err(error) if error.is_canceled() => Ok(None),
            Err(error) => Err(describe::of_any("no answer", &error)),
        }
    }
}

/// Sends the request over a new connection. The error says why there is no answer. A long body is cut.
pub(super) async fn ask(outgoing: &OutgoingRequest<'_>) -> Result<Answer, String> {
    let exchange = async {
        let began = Instant::now();
        // A request that cannot be sent opens no connection.
        outgoing.request()?;
        let mut sender = outgoing.connect().await?;
        let response = outgoing.send(&mut sender).await?;
        let response = response.ok_or("no answer: the connection was closed")?;
        Ok(read(response, began).await?.0)
    };
    match tokio::time::timeout(outgoing.timeout, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(describe::too_late(outgoing.timeout)),
    }
}

/// Reads an answer, and whether its body is complete. A longer body than [`LONGEST`] is cut.
pub(super) async fn read(
    mut response: Response<Incoming>,
    began: Instant,
) -> Result<(Answer, bool), String> {
    let mut body = Vec::new();
    let mut is_complete = true;
    while let Some(frame) = response.frame().await {
        let frame = frame
            .map_err(|error| describe::of_any("the connection broke during the answer", &error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = LONGEST - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            is_complete = false;
            break;
        }
    }
    let answer = Answer {
        status: response.status().as_u16(),
        headers: header_pairs(response.headers()),
        body,
        took: began.elapsed(),
    };
    Ok((answer, is_complete))
}

/// The headers as text, with lower-case names.
fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    };
    headers.iter().map(pair).collect()
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, String> {
    // The value may be a credential, so the error does not repeat the value.
    HeaderValue::from_str(value).map_err(|_| {
        format!("the value of the header {name:?} has characters that are not allowed")
    })
}
