//! What `bollard` 0.21 does not do by itself, done to each request before it leaves: it sends no
//! API version, writes registry credentials in a base64 alphabet that the engine does not read,
//! and cuts the `since` of logs to seconds.

use bollard::BollardRequest;
use hyper::Uri;
use hyper::header::HeaderValue;
use jiff::Timestamp;

use super::engine::ApiVersion;

const REGISTRY_AUTH: &str = "x-registry-auth";

/// Mends one request; one that cannot be mended leaves as it is and is answered by the engine.
pub(super) fn mend(
    mut request: BollardRequest,
    version: ApiVersion,
    since: Option<Timestamp>,
) -> BollardRequest {
    if let Some(uri) = versioned(request.uri(), version, since) {
        *request.uri_mut() = uri;
    }
    if let Some(value) = request.headers().get(REGISTRY_AUTH).and_then(url_safe) {
        request.headers_mut().insert(REGISTRY_AUTH, value);
    }
    request
}

fn versioned(uri: &Uri, version: ApiVersion, since: Option<Timestamp>) -> Option<Uri> {
    let mut path = format!("/v{version}{}", uri.path());
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(&with_since(query, since));
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn with_since(query: &str, since: Option<Timestamp>) -> String {
    let Some(since) = since else {
        return query.to_owned();
    };
    let exact = format!(
        "since={}.{:09}",
        since.as_second(),
        since.subsec_nanosecond()
    );
    let pairs = query.split('&').map(|pair| {
        if pair.starts_with("since=") {
            exact.as_str()
        } else {
            pair
        }
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn url_safe(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?.replace('+', "-").replace('/', "_");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
