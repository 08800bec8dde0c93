//! Sends one request to one address. Redirects are not followed, because the address and the signature are meant for
//! one receiver only.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Method, Response, StatusCode, Url, redirect};

use crate::adapters::outbound_proxy::OutboundProxy;
use crate::adapters::system_authorities;
use crate::inventory::Mask;
use crate::ports::{Failure, FailureKind, Result, innermost_cause};
use crate::sanitize::sanitize;

/// The time limit for one request with its answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes that are read from an answer. Slack repeats the message in its answer.
pub(super) const ANSWER: usize = 64 * 1024;
/// The most bytes of an error answer that a failure quotes.
const REASON: usize = 300;
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// GitHub's headers about the rate of requests.
const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const DOING: &str = "sending the request";
/// A path or a part of a path with at least this many bytes is treated as a secret.
const LONG: usize = 12;
const AGENT: &str = concat!("greenroom/", env!("CARGO_PKG_VERSION"));

/// One request, and what an error about it must not show.
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// The secrets of the request. A receiver that refuses it may repeat them.
    pub(super) mask: Mask,
}

impl Request {
    /// A request for an address that may be a secret.
    pub(super) fn post(url: Url, headers: HeaderMap, body: String) -> Self {
        Self {
            mask: mask(&url),
            url,
            method: Method::POST,
            headers,
            body,
        }
    }
}

/// The answer to a request: its status, and the start of its body.
pub(super) struct Answer {
    status: StatusCode,
    /// How long the server asks to wait before the next request.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    place: String,
    mask: Mask,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// A failure of the request that got this answer. The message is sanitized, and its secrets are hidden.
    pub(super) fn failure(&self, kind: FailureKind, message: &str) -> Failure {
        let message = self.mask.hide(&sanitize(message));
        let failure = Failure::new(kind, &self.place, DOING, message);
        match self.retry_after {
            Some(pause) => failure.retry_after(pause),
            None => failure,
        }
    }

    /// A failure if the status is not one of success.
    pub(super) fn success(self) -> Result<Self> {
        let status = self.status;
        if status.is_success() {
            return Ok(self);
        }
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => FailureKind::Unreachable,
            // GitHub limits the rate of requests with this status.
            StatusCode::FORBIDDEN if self.retry_after.is_some() => FailureKind::Unreachable,
            status if status.is_server_error() => FailureKind::Ambiguous,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FailureKind::Denied,
            StatusCode::NOT_FOUND | StatusCode::GONE => FailureKind::Missing,
            _ => FailureKind::Rejected,
        };
        Err(self.failure(kind, &self.refusal()))
    }

    /// The status of an error answer, and the reason in its body.
    fn refusal(&self) -> String {
        let status = self.status;
        if status.is_redirection() {
            return format!(
                "{status}: the address redirects elsewhere. Greenroom does not follow redirects: configure the final address"
            );
        }
        let mut bytes = self.body.as_slice();
        let is_cut = bytes.len() > REASON;
        if is_cut {
            bytes = &bytes[..REASON];
        }
        let reason = sanitize(&String::from_utf8_lossy(bytes));
        let reason = reason.trim();
        match (reason.is_empty(), is_cut) {
            (true, _) => status.to_string(),
            (false, true) => format!("{status}: {reason}…"),
            (false, false) => format!("{status}: {reason}"),
        }
    }
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

    /// Sends a request whose answer is a success or a failure.
    pub(super) async fn send(&self, request: Request) -> Result<Answer> {
        self.exchange(request).await?.success()
    }

    /// Sends a request, and returns every answer.
    pub(super) async fn exchange(&self, request: Request) -> Result<Answer> {
        let Request {
            url,
            method,
            mut headers,
            body,
            mask,
        } = request;
        let mut place = place(&url);
        if let Some(proxy) = self.proxy.proxy_for(url.as_str()) {
            place = sanitize(&format!("{place} through the proxy {proxy}"));
        }
        let failure = |kind, message: String| Failure::new(kind, &place, DOING, message);
        let client = self
            .client()
            .map_err(|error| failure(FailureKind::Unsupported, error))?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let sent = client.request(method, url).headers(headers).body(body);
        let answer = sent.send().await.map_err(|error| {
            let kind = if error.is_connect() {
                FailureKind::Unreachable
            } else {
                FailureKind::Ambiguous
            };
            failure(kind, reason(&error.without_url()))
        })?;
        let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
        let body = match start_of(answer).await {
            Ok(body) => body,
            // The reason in an error answer is not necessary.
            Err(_) if !status.is_success() => Vec::new(),
            Err(error) => {
                let why = reason(&error.without_url());
                return Err(failure(FailureKind::Ambiguous, why));
            }
        };
        Ok(Answer {
            status,
            retry_after,
            body,
            place,
            mask,
        })
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

/// The pause that the server asks for. Only a number of seconds is understood, as Slack and GitHub send it. When the
/// requests of an hour are used up, GitHub sends the time at which there are new ones.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &HeaderName| -> Option<u64> {
        headers.get(name)?.to_str().ok()?.trim().parse().ok()
    };
    let until_reset = || {
        let is_used_up = number(&RATE_LIMIT_REMAINING)? == 0;
        let now = u64::try_from(jiff::Timestamp::now().as_second()).ok()?;
        is_used_up.then_some(number(&RATE_LIMIT_RESET)?.saturating_sub(now))
    };
    let seconds = number(&RETRY_AFTER).or_else(until_reset)?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// The start of a body. The rest is not read.
async fn start_of(answer: Response) -> std::result::Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    let mut body = answer.bytes_stream();
    while let Some(part) = body.next().await {
        bytes.extend_from_slice(&part?);
        if bytes.len() >= ANSWER {
            bytes.truncate(ANSWER);
            break;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_rate_is_a_pause_until_there_are_new_requests() {
        let headers = |remaining: &str, reset: i64| {
            let reset = (jiff::Timestamp::now().as_second() + reset).to_string();
            HeaderMap::from_iter([
                (RATE_LIMIT_REMAINING, remaining.parse().expect("a number")),
                (RATE_LIMIT_RESET, reset.parse().expect("a number")),
            ])
        };
        assert_eq!(retry_after(&headers("7", 60)), None);
        let pause = retry_after(&headers("0", 60)).expect("a pause");
        assert!(pause > Duration::from_secs(50), "{pause:?}");
        assert_eq!(retry_after(&headers("0", 3600)), Some(LONGEST_PAUSE));
        assert_eq!(retry_after(&headers("0", -60)), Some(Duration::ZERO));
    }

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
