//! Describes an answer in a short text, or the reason why no answer arrived. The text is sanitized.

use std::error::Error;
use std::time::Duration;

use crate::checks::Answer;
use crate::ports::innermost_cause;
use crate::sanitize::sanitize;

/// The most characters that a text quotes from a body.
const QUOTED: usize = 120;

/// The most bytes of headers that the HTTP library reads. It also accepts at most 100 headers.
pub(super) const HEADERS: usize = 8 * 1024 + 100 * 4 * 1024;

/// The most bytes of a body that are read for the description.
const HEAD: usize = 4096;

/// Describes an answer, e.g. `HTTP 503: draining`, `HTTP 502: Bad Gateway` (with the title of a page), or `HTTP 301: a
/// redirect to https://web.example/health, which Greenroom does not follow`.
pub(super) fn of_answer(answer: &Answer) -> String {
    if let Some(target) = answer.redirect() {
        let status = answer.status;
        return format!("HTTP {status}: a redirect to {target}, which Greenroom does not follow");
    }
    let mut description = format!("HTTP {}", answer.status);
    let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(HEAD)]);
    let (text, is_whole) = if is_page(answer, &body) {
        let title = title(&body).unwrap_or_default();
        // nginx repeats the status in the title, so the status is removed from the title.
        let status = answer.status.to_string();
        let rest = title.strip_prefix(&status).unwrap_or(&title).trim();
        (rest.to_owned(), true)
    } else {
        (body.trim().to_owned(), body.len() >= answer.body.len())
    };
    let text = sanitize(&text);
    if !text.is_empty() {
        description.push_str(": ");
        description.extend(text.chars().take(QUOTED));
        if text.chars().count() > QUOTED || !is_whole {
            description.push('…');
        }
    }
    description
}

/// Whether a body is an HTML page. Only the title of a page is shown, because the markup does not help a person.
fn is_page(answer: &Answer, body: &str) -> bool {
    let mut headers = answer.headers.iter();
    let is_named = headers.any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type") && value.to_ascii_lowercase().contains("html")
    });
    let start: String = body.trim_start().chars().take(16).collect();
    let start = start.to_ascii_lowercase();
    is_named || start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// The title of a page on one line; none if it is missing or empty.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let start = tag + lower[tag..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let parts: Vec<&str> = page.get(start..end)?.split_whitespace().collect();
    Some(parts.join(" ")).filter(|title| !title.is_empty())
}

/// Describes a problem with its innermost cause, which is the most specific: `no connection: Connection refused`.
pub(super) fn of_any(problem: &str, error: &(dyn Error + 'static)) -> String {
    let cause = innermost_cause(error).to_string();
    if cause.contains("message head is too large") {
        return format!(
            "{problem}: the answer has more than 100 headers, or more than {} KiB of headers; see greenroom help limits",
            HEADERS / 1024
        );
    }
    format!("{problem}: {}", sanitize(&cause))
}

/// Describes a missed time limit.
pub(super) fn too_late(deadline: Duration) -> String {
    format!("no complete answer within {deadline:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(status: u16, content_type: &str, body: &str) -> String {
        of_answer(&Answer {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            body: body.as_bytes().to_vec(),
            took: Duration::ZERO,
        })
    }

    #[test]
    fn a_page_is_quoted_by_its_title() {
        let nginx = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center>";
        assert_eq!(described(502, "text/html", nginx), "HTTP 502: Bad Gateway");
        let own = "<!DOCTYPE html><TITLE lang=en>\n  Down for\n maintenance </TITLE>";
        assert_eq!(described(503, "", own), "HTTP 503: Down for maintenance");
        for untitled in ["<html><body>no</body></html>", "<html><title></title>", ""] {
            assert_eq!(described(500, "text/html", untitled), "HTTP 500");
        }
        let hostile = "<html><title>a\u{1b}[31mb</title>";
        assert!(!described(500, "text/html", hostile).contains('\u{1b}'));
    }

    #[test]
    fn a_plain_text_is_quoted() {
        assert_eq!(
            described(503, "text/plain", " draining\n"),
            "HTTP 503: draining"
        );
        let json = "{\"error\":\"<html> is not accepted\"}";
        assert_eq!(
            described(500, "application/json", json),
            format!("HTTP 500: {json}")
        );
        let long = "a".repeat(QUOTED + 1);
        let quoted = format!("HTTP 500: {}…", &long[1..]);
        assert_eq!(described(500, "text/plain", &long), quoted);
        let endless = "a".repeat(2 * HEAD);
        assert_eq!(described(500, "text/plain", &endless), quoted);
    }
}
