//! The answers of the inbox.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Response, StatusCode};

/// An answer with a text of one or more lines.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    text: String,
    headers: HeaderMap,
}

impl Answer {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            headers: HeaderMap::new(),
        }
    }

    /// Tells the sender to send the delivery again, but not earlier than after this time.
    pub(super) fn retry_after(self, time: Duration) -> Self {
        // In whole seconds, rounded up.
        let seconds = time.as_millis().div_ceil(1000).max(1);
        let value = HeaderValue::from_str(&seconds.to_string());
        self.with(
            RETRY_AFTER,
            value.unwrap_or_else(|_| HeaderValue::from_static("1")),
        )
    }

    pub(super) fn allow(self, methods: &'static str) -> Self {
        self.with(ALLOW, HeaderValue::from_static(methods))
    }

    /// Closes the connection, because the rest of the request is not read, or because nothing proves who sent it.
    pub(super) fn close(self) -> Self {
        self.with(CONNECTION, HeaderValue::from_static("close"))
    }

    pub(super) fn closes(&self) -> bool {
        self.headers.contains_key(CONNECTION)
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(format!("{}\n", self.text)));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        response
    }
}
