//! Corrects two errors of `bollard` 0.21 in each request: its requests have no API version, and it encodes registry
//! credentials in a base64 alphabet that Docker does not read.

use bollard::BollardRequest;
use hyper::Uri;
use hyper::header::HeaderValue;

use super::api_version::ApiVersion;

const REGISTRY_AUTH: &str = "x-registry-auth";

/// Corrects one request. A part that cannot be corrected stays unchanged.
pub(super) fn mend(mut request: BollardRequest, version: ApiVersion) -> BollardRequest {
    if let Some(uri) = versioned(request.uri(), version) {
        *request.uri_mut() = uri;
    }
    if let Some(value) = request.headers().get(REGISTRY_AUTH).and_then(url_safe) {
        request.headers_mut().insert(REGISTRY_AUTH, value);
    }
    request
}

fn versioned(uri: &Uri, version: ApiVersion) -> Option<Uri> {
    let mut path = format!("/v{version}{}", uri.path());
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn url_safe(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?.replace('+', "-").replace('/', "_");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
