//! Sends one request to one address. Redirects are not followed, because the address and the signature are meant for
//! one receiver only.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, redirect};

use crate::adapters::outbound_proxy::OutboundProxy;
use crate::adapters::system_authorities;
use crate::inventory::Mask;
use crate::ports::{Failure, FailureKind, Result, innermost_cause};
use crate::sanitize::sanitize;

/// The time limit for one request with its answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes that are read from an error answer.
pub(super) const ANSWER: usize = 300;
/// A path or a part of a path with at least this many bytes is treated as a secret.
const LONG: usize = 12;
const AGENT: &str = concat!("greenroom/", env!("CARGO_PKG_VERSION"));

/// A notice in the form that its receiver expects.
pub(super) struct Request {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// A client that is created when first needed.
pub(super) struct Post {
    client: OnceLock<Client>,
    proxy: OutboundProxy,
}

impl Post {
    pub(super) fn new(proxy: OutboundProxy) -> Self {
        Self {
            client: OnceLock::new(),
            proxy,
        }
    }

    pub(super) async fn send(&self, url: Url, request: Request) -> Result<()> {
        let mut place = place(&url);
        let mask = mask(&url);
        if let Some(proxy) = self.proxy.proxy_for(url.as_str()) {
            place = sanitize(&format!("{place} through the proxy {proxy}"));
        }
        let failure =
            |kind, message: String| Failure::new(kind, &place, "sending the request", message);
        let client = self
            .client()
            .map_err(|error| failure(FailureKind::Unsupported, error))?;
        let mut headers = request.headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let sent = client.post(url).headers(headers).body(request.body).send();
        let answer = sent.await.map_err(|error| {
            let kind = if error.is_connect() {
                FailureKind::Unreachable
            } else {
                FailureKind::Ambiguous
            };
            failure(kind, reason(&error.without_url()))
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => FailureKind::Unreachable,
            status if status.is_server_error() => FailureKind::Ambiguous,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FailureKind::Denied,
            StatusCode::NOT_FOUND | StatusCode::GONE => FailureKind::Missing,
            _ => FailureKind::Rejected,
        };
        Err(failure(kind, mask.hide(&refusal(answer).await)))
    }

    fn client(&self) -> std::result::Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let tls = system_authorities::tls().map_err(|error| error.to_string())?;
        let client = Client::builder()
            .user_agent(AGENT)
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .tls_backend_preconfigured(tls);
        let client = self.proxy.apply(client).and_then(ClientBuilder::build);
        let client = client.map_err(|error| error.without_url().to_string())?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// The address without its secret parts: path, query and login.
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}"));
    sanitize(&format!(
        "{}://{host}{}",
        url.scheme(),
        port.unwrap_or_default()
    ))
}

/// A mask for the secret parts of an address, because a receiver that refuses a notice may repeat these parts.
fn mask(url: &Url) -> Mask {
    let path = url.path().trim_matches('/');
    let query = url.query_pairs().map(|(_, value)| value.into_owned());
    let texts = [url.query().unwrap_or_default(), url.username()];
    let texts = texts.into_iter().chain(url.password());
    let parts = std::iter::once(path).chain(path.split('/'));
    let parts = parts.filter(|part| part.len() >= LONG);
    Mask::of(texts.chain(parts).map(str::to_owned).chain(query))
}

/// The innermost cause of an error. The outer errors only say that sending the request failed.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {TIMEOUT:?}");
    }
    sanitize(&innermost_cause(error).to_string())
}

/// The status of an error answer, and the reason in its body.
async fn refusal(answer: Response) -> String {
    let status = answer.status();
    let (mut bytes, mut is_cut) = (Vec::new(), false);
    let mut body = answer.bytes_stream();
    while let Some(Ok(part)) = body.next().await {
        bytes.extend_from_slice(&part);
        if bytes.len() >= ANSWER {
            bytes.truncate(ANSWER);
            is_cut = true;
            break;
        }
    }
    let mut reason = sanitize(&String::from_utf8_lossy(&bytes));
    if is_cut {
        reason.push('…');
    }
    if status.is_redirection() {
        return format!(
            "{status}: the address redirects elsewhere. Greenroom does not follow redirects: configure the final address"
        );
    }
    if reason.trim().is_empty() {
        status.to_string()
    } else {
        format!("{status}: {}", reason.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_path_is_hidden() {
        let url = |text: &str| Url::parse(text).expect("an address");
        let answer = "no hook is at /hook";
        assert_eq!(
            mask(&url("https://board.example/hook")).hide(answer),
            answer
        );
        let long = mask(&url("https://board.example/hook/hunter2-hunter2"));
        assert_eq!(long.hide("no hunter2-hunter2"), "no (hidden)");
    }
}
