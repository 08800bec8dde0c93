//! What an answer, or the lack of one, is called on a screen. Foreign text is made harmless.

use std::error::Error;
use std::time::Duration;

use crate::checks::Answer;
use crate::harmless::harmless;

/// How much of a body is quoted.
const QUOTED: usize = 120;

/// `HTTP 503: draining`, or `HTTP 301: it redirects to https://web.example/health, which is not followed`.
pub(super) fn of_answer(answer: &Answer) -> String {
    if let Some(target) = answer.redirect() {
        let status = answer.status;
        return format!("HTTP {status}: it redirects to {target}, which is not followed");
    }
    let start = &answer.body[..answer.body.len().min(4 * QUOTED)];
    let text = harmless(String::from_utf8_lossy(start).trim());
    let mut said = format!("HTTP {}", answer.status);
    if !text.is_empty() {
        said.push_str(": ");
        said.extend(text.chars().take(QUOTED));
        if text.chars().count() > QUOTED || start.len() < answer.body.len() {
            said.push('…');
        }
    }
    said
}

/// A failed request.
pub(super) fn of_error(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "no answer"
    };
    of_any(what, error)
}

/// What happened, and the innermost cause, which is what a person can act on: `no connection:
/// Connection refused`.
pub(super) fn of_any(what: &str, error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    format!("{what}: {}", harmless(&innermost.to_string()))
}

/// The deadline passed.
pub(super) fn too_late(deadline: Duration) -> String {
    format!("no whole answer within {deadline:?}")
}
