//! Short texts for an answer, or for a missing one. Foreign text is sanitized.

use std::error::Error;
use std::time::Duration;

use crate::checks::Answer;
use crate::sanitize::sanitize;

/// The most characters of a body that are quoted.
const QUOTED: usize = 120;

/// The most bytes of headers that the HTTP library reads. It also accepts at most 100 headers.
pub(super) const HEADERS: usize = 8 * 1024 + 100 * 4 * 1024;

/// The most bytes in which the title of a page is searched.
const HEAD: usize = 4096;

/// Examples: `HTTP 503: draining`; `HTTP 502: Bad Gateway` with the title of a page; `HTTP 301: it redirects to
/// https://web.example/health, which is not followed`.
pub(super) fn of_answer(answer: &Answer) -> String {
    if let Some(target) = answer.redirect() {
        let status = answer.status;
        return format!("HTTP {status}: it redirects to {target}, which is not followed");
    }
    let mut said = format!("HTTP {}", answer.status);
    let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(HEAD)]);
    let (text, is_whole) = if is_page(answer, &body) {
        let title = title(&body).unwrap_or_default();
        // nginx repeats the status in the title.
        let status = answer.status.to_string();
        let rest = title.strip_prefix(&status).unwrap_or(&title).trim();
        (rest.to_owned(), true)
    } else {
        (body.trim().to_owned(), body.len() >= answer.body.len())
    };
    let text = sanitize(&text);
    if !text.is_empty() {
        said.push_str(": ");
        said.extend(text.chars().take(QUOTED));
        if text.chars().count() > QUOTED || !is_whole {
            said.push('…');
        }
    }
    said
}

/// Whether a body is an HTML page, whose markup does not help a person.
fn is_page(answer: &Answer, body: &str) -> bool {
    let mut headers = answer.headers.iter();
    let is_named = headers.any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type") && value.to_ascii_lowercase().contains("html")
    });
    let start: String = body.trim_start().chars().take(16).collect();
    let start = start.to_ascii_lowercase();
    is_named || start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// The title of a page on one line. None without a title, or with an empty one.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let start = tag + lower[tag..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let words: Vec<&str> = page.get(start..end)?.split_whitespace().collect();
    Some(words.join(" ")).filter(|title| !title.is_empty())
}

/// The text for a failed request.
pub(super) fn of_error(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the connection broke during the answer"
    } else {
        "no answer"
    };
    of_any(what, error)
}

/// What happened, and the innermost cause, on which a person can act: `no connection: Connection refused`.
pub(super) fn of_any(what: &str, error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    let said = innermost.to_string();
    if said.contains("message head is too large") {
        return format!(
            "{what}: its headers are more than {} KiB or more than 100; see greenroom help limits",
            HEADERS / 1024
        );
    }
    format!("{what}: {}", sanitize(&said))
}

/// The text for a missed deadline.
pub(super) fn too_late(deadline: Duration) -> String {
    format!("no whole answer within {deadline:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, content_type: &str, body: &str) -> String {
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
        assert_eq!(said(502, "text/html", nginx), "HTTP 502: Bad Gateway");
        let own = "<!DOCTYPE html><TITLE lang=en>\n  Down for\n maintenance </TITLE>";
        assert_eq!(said(503, "", own), "HTTP 503: Down for maintenance");
        for untitled in ["<html><body>no</body></html>", "<html><title></title>", ""] {
            assert_eq!(said(500, "text/html", untitled), "HTTP 500");
        }
        let hostile = "<html><title>a\u{1b}[31mb</title>";
        assert!(!said(500, "text/html", hostile).contains('\u{1b}'));
    }

    #[test]
    fn a_plain_text_is_quoted() {
        assert_eq!(said(503, "text/plain", " draining\n"), "HTTP 503: draining");
        let json = "{\"error\":\"<html> is not accepted\"}";
        assert_eq!(
            said(500, "application/json", json),
            format!("HTTP 500: {json}")
        );
        let long = "a".repeat(QUOTED + 1);
        let quoted = format!("HTTP 500: {}…", &long[1..]);
        assert_eq!(said(500, "text/plain", &long), quoted);
        let endless = "a".repeat(2 * HEAD);
        assert_eq!(said(500, "text/plain", &endless), quoted);
    }
}
