//! Decodes the bytes to and from a Docker engine: HTTP/1.1 requests, one after the other on a
//! connection. Names every request that changes something.

use super::{Cutter, Piece};

/// One request at a time.
const THE_CALL: u32 = 1;

pub(super) fn requests() -> Box<dyn Cutter> {
    Box::new(Requests)
}

pub(super) fn answers() -> Box<dyn Cutter> {
    Box::new(Answers)
}

struct Requests;

impl Cutter for Requests {
    fn cut(&mut self, bytes: &[u8]) -> Vec<Piece> {
        vec![Piece {
            bytes: bytes.to_vec(),
            call: Some(THE_CALL),
            act: act_of(bytes),
        }]
    }
}

struct Answers;

impl Cutter for Answers {
    fn cut(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let head = bytes.starts_with(b"HTTP/1.1 ");
        let is_chunked = String::from_utf8_lossy(bytes)
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        // A chunked answer, such as that of a pull, ends with its last chunk.
        let is_over = (head && !is_chunked) || bytes.ends_with(b"0\r\n\r\n");
        vec![Piece {
            bytes: bytes.to_vec(),
            call: is_over.then_some(THE_CALL),
            act: None,
        }]
    }
}

/// The change that a request makes, without the names of the objects.
fn act_of(bytes: &[u8]) -> Option<String> {
    let line = bytes.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    words.next()?.strip_prefix("HTTP/1.")?;
    if !matches!(method, "POST" | "PUT" | "DELETE") {
        return None;
    }
    let path = path.split('?').next()?;
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && !part.starts_with("v1."))
        .collect();
    Some(match (method, parts.as_slice()) {
        ("POST", ["images", "create"]) => "pull".to_owned(),
        ("POST", ["containers", "create"]) => "create container".to_owned(),
        ("POST", ["containers", _, verb]) => format!("{verb} container"),
        ("PUT", ["containers", _, "archive"]) => "upload to container".to_owned(),
        ("DELETE", ["containers", _]) => "remove container".to_owned(),
        _ => format!("{method} {path}"),
    })
}
