//! Decodes the bytes to and from an etcd: HTTP/2 frames with gRPC messages, some of which are
//! transactions that put and delete keys. Names every change of a key. Reads and leases are no
//! acts.

use std::collections::HashMap;

use serde_json::Value;

use super::{Cutter, Piece};

const PREFACE: usize = 24;
const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;

pub(super) fn requests() -> Box<dyn Cutter> {
    let requests = Requests {
        frames: Frames::default(),
        preface: PREFACE,
        streams: HashMap::new(),
    };
    Box::new(OrHttp1::new(b'G', requests))
}

pub(super) fn answers() -> Box<dyn Cutter> {
    Box::new(OrHttp1::new(b'H', Answers(Frames::default())))
}

/// A connection of gRPC or of HTTP/1.1, by which the program reads etcd's clock on the same address. HTTP/1.1
/// is passed on as it comes.
struct OrHttp1<C> {
    /// The first byte of HTTP/1.1 in this direction: of `GET` or of `HTTP`. HTTP/2 begins with neither.
    first: u8,
    is_http1: Option<bool>,
    grpc: C,
}

impl<C> OrHttp1<C> {
    fn new(first: u8, grpc: C) -> Self {
        Self {
            first,
            is_http1: None,
            grpc,
        }
    }
}

impl<C: Cutter> Cutter for OrHttp1<C> {
    fn cut(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let is_http1 = bytes.first() == Some(&self.first);
        if !*self.is_http1.get_or_insert(is_http1) {
            return self.grpc.cut(bytes);
        }
        vec![Piece {
            bytes: bytes.to_vec(),
            call: None,
            act: None,
        }]
    }
}

/// Bytes of an incomplete frame.
#[derive(Default)]
struct Frames(Vec<u8>);

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    bytes: Vec<u8>,
}

impl Frames {
    fn next(&mut self) -> Option<Frame> {
        let header = self.0.get(..HEADER)?;
        let length =
            usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let (kind, flags) = (header[3], header[4]);
        let stream = u32::from_be_bytes([header[5] & 0x7f, header[6], header[7], header[8]]);
        if self.0.len() < HEADER + length {
            return None;
        }
        let bytes = self.0.drain(..HEADER + length).collect();
        Some(Frame {
            kind,
            flags,
            stream,
            bytes,
        })
    }
}

struct Requests {
    frames: Frames,
    /// Remaining bytes of the client's preface.
    preface: usize,
    /// Incomplete messages, by stream.
    streams: HashMap<u32, Vec<u8>>,
}

impl Cutter for Requests {
    fn cut(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let (preface, bytes) = bytes.split_at(self.preface.min(bytes.len()));
        self.preface -= preface.len();
        let mut pieces = Vec::new();
        if !preface.is_empty() {
            pieces.push(Piece {
                bytes: preface.to_vec(),
                call: None,
                act: None,
            });
        }
        self.frames.0.extend_from_slice(bytes);
        while let Some(frame) = self.frames.next() {
            let act = self.act(&frame);
            pieces.push(Piece {
                bytes: frame.bytes,
                call: Some(frame.stream),
                act,
            });
        }
        pieces
    }
}

impl Requests {
    fn act(&mut self, frame: &Frame) -> Option<String> {
        if frame.kind != DATA {
            return None;
        }
        assert_eq!(frame.flags & PADDED, 0, "clients here never pad");
        let message = self.streams.entry(frame.stream).or_default();
        message.extend_from_slice(&frame.bytes[HEADER..]);
        let mut act = None;
        while let Some(length) = message.get(1..5) {
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
            let end = 5 + usize::try_from(length).expect("a length");
            if message.len() < end {
                break;
            }
            act = act.or(act_of(&message[5..end]));
            message.drain(..end);
        }
        if frame.flags & END_STREAM != 0 {
            self.streams.remove(&frame.stream);
        }
        act
    }
}

struct Answers(Frames);

impl Cutter for Answers {
    fn cut(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.0.0.extend_from_slice(bytes);
        std::iter::from_fn(|| self.0.next())
            .map(|frame| Piece {
                call: matches!(frame.kind, DATA | HEADERS).then_some(frame.stream),
                bytes: frame.bytes,
                act: None,
            })
            .collect()
    }
}

/// The change that a transaction makes, if the message is one that changes something.
fn act_of(message: &[u8]) -> Option<String> {
    // TxnRequest: field 2 has the operations to do when the comparisons hold. RequestOp: 2 is a
    // put, 3 a deletion.
    let operations = blobs(message, 2);
    let names: Vec<String> = operations
        .iter()
        .filter_map(|operation| {
            let put = blobs(operation, 2).first().copied();
            let deleted = blobs(operation, 3).first().copied();
            let change = put.or(deleted)?;
            let key = std::str::from_utf8(blobs(change, 1).first()?).ok()?;
            let value = put.and_then(|put| blobs(put, 2).first().copied());
            Some(name(key, value))
        })
        .collect();
    (!names.is_empty()).then(|| names.join(" + "))
}

fn name(key: &str, value: Option<&[u8]>) -> String {
    let json = value.and_then(|value| serde_json::from_slice::<Value>(value).ok());
    let json = json.unwrap_or_default();
    let verb = |put: &str, deleted: &str| if value.is_some() { put } else { deleted }.to_owned();
    if key.contains("/steps/") {
        entry(&json)
    } else if key.contains("/releases/") {
        if json["closed"].is_null() {
            "open"
        } else {
            "close"
        }
        .to_owned()
    } else if key.contains("/slots/") {
        verb("register", "deregister")
    } else {
        match key.rsplit('/').next().unwrap_or(key) {
            "lock" => verb("lock", "unlock"),
            other => other.to_owned(),
        }
    }
}

fn entry(entry: &Value) -> String {
    let word = entry["entry"].as_str().unwrap_or("entry");
    let word = if entry["failure"].is_string() {
        "failure"
    } else {
        word
    };
    let back = if entry["direction"] == "back" {
        " undo"
    } else {
        ""
    };
    match entry["step"].as_str() {
        Some(step) => format!("{word}{back} {step}"),
        None => word.to_owned(),
    }
}

/// The fields of this number that hold bytes; empty when this is no message.
fn blobs(message: &[u8], wanted: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let Some((tag, after)) = varint(rest) else {
            return Vec::new();
        };
        rest = after;
        let skip = match tag & 7 {
            0 => match varint(rest) {
                Some((_, after)) => rest.len() - after.len(),
                None => return Vec::new(),
            },
            1 => 8,
            5 => 4,
            2 => {
                let Some((length, after)) = varint(rest) else {
                    return Vec::new();
                };
                rest = after;
                usize::try_from(length).unwrap_or(usize::MAX)
            }
            _ => return Vec::new(),
        };
        let Some((field, after)) = rest.split_at_checked(skip) else {
            return Vec::new();
        };
        if tag == wanted << 3 | 2 {
            found.push(field);
        }
        rest = after;
    }
    found
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}
