//! The format of the access log that nginx writes for a target: one JSON object in each line.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::inventory::{Door, PassedRequest, Target};

/// The most characters of a path that are kept.
const LONGEST_PATH: usize = 300;

/// The text between the quotes of `log_format`. Every value is a string, because nginx writes `-`, `000` or nothing in
/// place of a missing number.
pub(super) fn format(slot: &str, door: Door) -> String {
    let door = match door {
        Door::Public => "public",
        Door::Preview => "preview",
    };
    format!(
        r#"{{"at":"$msec","door":"{door}","slot":"${slot}","status":"$status","took":"$request_time","method":"$request_method","path":"$request_uri"}}"#
    )
}

/// The name of the log file of a target.
pub(super) fn file_name(target: &Target) -> String {
    format!("{}.access.log", target.joined())
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    at: &'a str,
    door: Door,
    slot: &'a str,
    status: &'a str,
    took: &'a str,
    method: std::borrow::Cow<'a, str>,
    path: std::borrow::Cow<'a, str>,
}

/// Parses a line. None if the line is not in the format of this module.
pub(super) fn read(line: &[u8]) -> Option<PassedRequest> {
    // nginx writes the bytes of a path unchanged, so the line may not be valid UTF-8. The request is counted
    // nevertheless.
    let line = String::from_utf8_lossy(line);
    let line: Line<'_> = serde_json::from_str(&line).ok()?;
    let at = seconds(line.at)?;
    let at = Timestamp::UNIX_EPOCH.checked_add(at).ok()?;
    Some(PassedRequest {
        at,
        door: line.door,
        slot: line.slot.parse().ok(),
        method: line.method.chars().take(16).collect(),
        path: line.path.chars().take(LONGEST_PATH).collect(),
        status: line.status.parse().unwrap_or(0),
        took: seconds(line.took).unwrap_or_default(),
    })
}

/// Parses a time as nginx writes it: `12.345`, in seconds with milliseconds.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, rest) = text.split_once('.')?;
    let millis: u64 = rest.parse().ok().filter(|_| rest.len() == 3)?;
    Some(Duration::from_secs(whole.parse().ok()?) + Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Slot;

    fn line(slot: &str, status: &str, took: &str, path: &str) -> String {
        format!(
            r#"{{"at":"1700000000.250","door":"public","slot":"{slot}","status":"{status}","took":"{took}","method":"GET","path":"{path}"}}"#
        )
    }

    #[test]
    fn a_line_of_nginx_is_parsed() {
        let text = line("blue", "200", "0.012", r#"/a?b=\"c\"\u001B"#);
        let passed = read(text.as_bytes()).unwrap();
        assert_eq!(passed.at.as_millisecond(), 1_700_000_000_250);
        assert_eq!((passed.slot, passed.status), (Some(Slot::Blue), 200));
        assert_eq!(passed.took, Duration::from_millis(12));
        assert_eq!(passed.path, "/a?b=\"c\"\u{1b}");
        assert_eq!(
            read(line("green", "200", "1.500", "/").as_bytes())
                .unwrap()
                .to_string(),
            "GET / 200 1500ms green"
        );
    }

    #[test]
    fn a_request_without_slot_or_answer_is_parsed() {
        let none = read(line("none", "503", "0.000", "/").as_bytes()).unwrap();
        assert_eq!((none.slot, none.failed()), (None, true));
        let given_up = read(line("blue", "499", "0.000", "/").as_bytes()).unwrap();
        assert!(!given_up.failed(), "the client gave up");
        let broken = read(line("blue", "000", "-", "/").as_bytes()).unwrap();
        assert!(broken.failed());
    }

    #[test]
    fn a_request_with_any_bytes_in_its_path_is_parsed() {
        let line = line("blue", "500", "0.001", "/caf%");
        let line: Vec<u8> = line
            .bytes()
            .map(|byte| if byte == b'%' { 0xe9 } else { byte })
            .collect();
        let passed = read(&line).unwrap();
        assert_eq!(
            (passed.path.as_str(), passed.failed()),
            ("/caf\u{fffd}", true)
        );
    }

    proptest::proptest! {
        #[test]
        fn a_request_with_any_escaped_path_is_parsed(bytes: Vec<u8>, any: Vec<u8>) {
            // Escape the bytes as nginx does.
            let escaped: Vec<u8> = bytes
                .iter()
                .flat_map(|byte| match byte {
                    b'"' | b'\\' => vec![b'\\', *byte],
                    0..0x20 => format!("\\u{byte:04X}").into_bytes(),
                    _ => vec![*byte],
                })
                .collect();
            let whole = line("green", "502", "0.001", "/");
            let (head, tail) = whole.split_at(whole.len() - 2);
            let passed = read(&[head.as_bytes(), &escaped, tail.as_bytes()].concat());
            let passed = passed.unwrap();
            assert_eq!((passed.slot, passed.failed()), (Some(Slot::Green), true));
            let _ = read(&any);
        }
    }

    #[test]
    fn lines_in_another_format_are_ignored() {
        for bad in [
            "",
            "{}",
            "127.0.0.1 - - [01/Jan/2026] \"GET / HTTP/1.1\" 200",
            "{\"at\":\"x\"}",
            "\u{0}",
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
        let mut far = line("blue", "200", "0.001", "/");
        far = far.replace("1700000000.250", "99999999999999999.250");
        assert_eq!(read(far.as_bytes()), None);
    }

    #[test]
    fn the_format_has_every_field_that_is_parsed() {
        let text = format("greenroom_web__qa_slot", Door::Preview)
            .replace("$msec", "1.000")
            .replace("$greenroom_web__qa_slot", "green")
            .replace("$status", "200")
            .replace("$request_time", "0.001")
            .replace("$request_method", "GET")
            .replace("$request_uri", "/");
        let passed = read(text.as_bytes()).unwrap();
        assert_eq!(passed.door, Door::Preview);
        assert_eq!(passed.slot, Some(Slot::Green));
    }
}
