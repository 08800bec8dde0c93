//! One request and its answer, with a deadline. The body of the answer is cut at a size limit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url};

use super::describe;
use crate::checks::Answer;
use crate::inventory::Endpoint;

/// The most bytes of a body that are read.
pub(super) const LONGEST: usize = 1024 * 1024;

#[derive(Clone, Copy)]
pub(super) struct OutgoingRequest<'a> {
    pub(super) at: &'a Endpoint,
    pub(super) method: &'a str,
    /// The path with its query.
    pub(super) path: &'a str,
    /// The `Host` header. A host in `headers` replaces it.
    pub(super) host: Option<&'a str>,
    pub(super) headers: Option<&'a BTreeMap<String, String>>,
    pub(super) body: Option<&'a str>,
    pub(super) timeout: Duration,
}

impl<'a> OutgoingRequest<'a> {
    /// A `GET` without further headers.
    pub(super) fn get(at: &'a Endpoint, path: &'a str, timeout: Duration) -> Self {
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

    fn url(&self) -> Result<Url, String> {
        if !self.path.starts_with('/') {
            return Err(format!(
                "{:?} is not a path: a path starts with /",
                self.path
            ));
        }
        let authority = match self.at {
            Endpoint::Tcp(address) => address.to_string(),
            Endpoint::Unix(_) => "localhost".to_owned(),
        };
        Url::parse(&format!("http://{authority}{}", self.path))
            .map_err(|error| format!("{:?} is not a path: {error}", self.path))
    }
}

/// Sends the request over a connection of `client`. The error says why there is no answer.
pub(super) async fn ask(client: &Client, outgoing: &OutgoingRequest<'_>) -> Result<Answer, String> {
    let method = Method::from_bytes(outgoing.method.as_bytes())
        .map_err(|_| format!("{:?} is not an HTTP method", outgoing.method))?;
    let mut request = client.request(method, outgoing.url()?);
    if let Some(host) = outgoing.host {
        request = request.header(HOST, header_value("host", host)?);
    }
    let mut headers = HeaderMap::new();
    for (name, value) in outgoing.headers.into_iter().flatten() {
        let value = header_value(name, value)?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{name:?} is not a header name"))?;
        headers.insert(name, value);
    }
    // Configured headers replace headers of the same name. Appending them could send two `Host` headers.
    request = request.headers(headers);
    if let Some(body) = outgoing.body {
        request = request.body(body.to_owned());
    }
    let began = Instant::now();
    let exchange = async {
        let response = request.send().await.map_err(|e| describe::of_error(&e))?;
        read(response, began).await
    };
    match tokio::time::timeout(outgoing.timeout, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(describe::too_late(outgoing.timeout)),
    }
}

async fn read(mut response: Response, began: Instant) -> Result<Answer, String> {
    let headers = header_pairs(response.headers());
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| describe::of_error(&e))? {
        let room = LONGEST - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            break;
        }
    }
    Ok(Answer {
        status,
        headers,
        body,
        took: began.elapsed(),
    })
}

/// The headers as text, with lower-case names.
pub(super) fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
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
