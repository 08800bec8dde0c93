//! The request and the answer as text for people: sanitized, shortened, and without secrets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::request::OutgoingRequest;
use crate::checks::{Answer, Verdict, hide_in_query, may_be_secret};
use crate::inventory::{Address, HIDDEN};
use crate::sanitize::{sanitize, sanitize_line};

/// The most characters of the first line of a request, or of a header line. Lines of a body have no limit of their own.
const LINE: usize = 160;
/// The most headers of an answer that are shown.
const HEADERS: usize = 16;
/// The most characters that are shown of the body of an unexpected answer.
const BODY: usize = 1_200;
/// The most characters that are shown of the body of an expected answer.
const BODY_PASSED: usize = 300;
/// The longest transcript, in characters.
const LONGEST: usize = 2_048;

/// The request as text: its first line, its headers, and the length of its body.
pub(super) fn request(outgoing: &OutgoingRequest<'_>) -> String {
    let place = match outgoing.at {
        Address::Unix(_) => format!("{} ", outgoing.at),
        address => address.url(),
    };
    let mut text = cut(&format!(
        "{} {place}{}",
        outgoing.method,
        hide_in_query(outgoing.path).0
    ));
    let nothing = BTreeMap::new();
    let headers = outgoing.headers.unwrap_or(&nothing);
    let names_host = |name: &String| name.eq_ignore_ascii_case("host");
    if let Some(host) = outgoing.host.filter(|_| !headers.keys().any(names_host)) {
        push(&mut text, "host", host);
    }
    for (name, value) in headers {
        push(&mut text, name, value);
    }
    if let Some(body) = outgoing.body {
        let _ = write!(text, "\nwith a body of {} bytes", body.len());
    }
    bounded(text)
}

/// The answer as text: its status, its headers, an empty line, and the start of its body. `bytes` is the length of the
/// body that was read, before masking.
pub(super) fn response(answer: &Answer, bytes: usize, verdict: Verdict) -> String {
    let mut text = format!("HTTP {}", answer.status);
    for (name, value) in answer.headers.iter().take(HEADERS) {
        push(&mut text, name, value);
    }
    if answer.headers.len() > HEADERS {
        let _ = write!(
            text,
            "\nand {} more headers",
            answer.headers.len() - HEADERS
        );
    }
    let most = if verdict == Verdict::Passed {
        BODY_PASSED
    } else {
        BODY
    };
    // A character has at most four bytes, so these bytes are enough for `most` characters.
    let start = answer.body.get(..4 * most).unwrap_or(&answer.body);
    let start = String::from_utf8_lossy(start);
    let mut kept = 0;
    let mut lines = String::new();
    for line in start.trim_end().lines() {
        let line = sanitize_line(line.as_bytes());
        let room = most.saturating_sub(kept);
        if room == 0 {
            break;
        }
        lines.push('\n');
        lines.extend(line.chars().take(room));
        kept += line.chars().count();
    }
    let _ = match bytes {
        0 => write!(text, "\n\nwithout a body"),
        bytes if kept >= most || answer.body.len() > 4 * most => {
            write!(
                text,
                "\n{lines}…\n(cut; Greenroom read {bytes} bytes of the body)"
            )
        }
        _ => write!(text, "\n{lines}"),
    };
    bounded(text)
}

fn push(text: &mut String, name: &str, value: &str) {
    let value = if may_be_secret(name) { HIDDEN } else { value };
    text.push('\n');
    text.push_str(&cut(&format!("{name}: {value}")));
}

fn cut(line: &str) -> String {
    let line = sanitize(line);
    if line.chars().count() <= LINE {
        return line;
    }
    line.chars().take(LINE - 1).chain(['…']).collect()
}

fn bounded(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(body: &[u8]) -> Answer {
        Answer {
            status: 503,
            headers: vec![
                ("content-type".into(), "text/plain".into()),
                ("set-cookie".into(), "id=hunter2".into()),
            ],
            body: body.to_vec(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn the_names_of_secrets_are_shown_without_their_values() {
        let Ok(at) = "127.0.0.1:8080".parse() else {
            unreachable!("an address");
        };
        let headers = BTreeMap::from([
            ("Authorization".to_owned(), "Bearer hunter2".to_owned()),
            ("accept".to_owned(), "text/\u{1b}[31mplain".to_owned()),
        ]);
        let outgoing = OutgoingRequest {
            headers: Some(&headers),
            body: Some("hunter2"),
            host: Some("web.example"),
            ..OutgoingRequest::get(&at, "/a?access_token=hunter2&page=2", Duration::ZERO)
        };
        let text = request(&outgoing);
        assert_eq!(
            text,
            "GET http://127.0.0.1:8080/a?access_token=(hidden)&page=2\nhost: web.example\n\
             Authorization: (hidden)\naccept: text/plain\nwith a body of 7 bytes"
        );
        assert!(!response(&answer(b"x"), 1, Verdict::Failed).contains("hunter2"));
    }

    #[test]
    fn an_answer_is_sanitized_and_shortened() {
        let text = response(&answer(b"a\x1b]52;c;aGk=\x07b\nc"), 17, Verdict::Failed);
        assert!(text.ends_with("\n\nab\nc"), "{text:?}");
        for (body, verdict) in [
            (vec![b'x'; 1 << 20], Verdict::Failed),
            (b"line\n".repeat(100_000), Verdict::Failed),
            (vec![b'x'; 1 << 20], Verdict::Passed),
            (vec![0xff; 1 << 20], Verdict::Failed),
        ] {
            let text = response(&answer(&body), body.len(), verdict);
            assert!(text.chars().count() <= LONGEST, "{}", text.len());
            assert!(text.contains('…'), "{text}");
        }
        let masked = response(&answer(&vec![b'x'; 1 << 20]), 3 << 20, Verdict::Passed);
        assert!(
            masked.ends_with("(cut; Greenroom read 3145728 bytes of the body)"),
            "{masked}"
        );
        assert!(response(&answer(b""), 0, Verdict::Passed).ends_with("without a body"));
    }
}
