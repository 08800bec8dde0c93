//! The output of instances, whatever its bytes: every line arrives in order, as sanitized text.

use greenroom::logs::{Bounds, Log, NewLine, Origin};
use greenroom::ports::{LogChunk, LogStream};
use proptest::prelude::*;

use super::{is_sanitized, runner, waiting};
use crate::console::hostile_text::lines_of;

/// Bytes that are likely to end, start, cut or hide something.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..60),
        3 => "[ -~]{1,60}".prop_map(String::into_bytes),
        3 => prop::sample::select(vec![
            &b"\x1b["[..], b"\x1b]0;", b"\x1b]52;c;", b"\x1bP", b"\x1b\\", b"\x07", b"\x9b2J", b"\xc2\x9b2J", b"\r\n", b"\n\n",
            b"\xe2\x80\xae", b"\xe2\x80", b"\xff\xfe", b"\xf3\xa0\x81\x81", b"\x00", b"\x08\x08", b"2026-11-20T14:02:11Z ",
        ]).prop_map(<[u8]>::to_vec),
        2 => Just(b"\n".to_vec()),
        1 => (0_usize..40_000).prop_map(|length| vec![b'x'; length]),
        1 => (0_usize..9_000).prop_map(|length| b"\xcc\xb6".repeat(length)),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn is_plain(line: &[u8]) -> bool {
    line.iter().all(|byte| (b' '..=b'~').contains(byte)) && line.len() < 16 * 1024
}

#[test]
fn every_line_of_any_output_is_sanitized_and_complete() {
    let runtime = waiting();
    let run = runner(80).run(&output(), |output| {
        let lines: Vec<&[u8]> = output
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect();
        let mut taken = runtime.block_on(lines_of(&output));
        taken.retain(|line| line.origin != Origin::Notice);
        prop_assert_eq!(taken.len(), lines.len());
        for (line, taken) in lines.iter().zip(&taken) {
            prop_assert!(is_sanitized(&taken.text), "{:?}", taken.text);
            prop_assert!(taken.text.chars().count() <= 16 * 1024, "it is cut");
            if is_plain(line) {
                prop_assert_eq!(taken.text.as_bytes(), *line);
            }
        }
        let mut log = Log::new(Bounds {
            lines: 20,
            bytes: 4_096,
        });
        let count = taken.len() as u64;
        log.extend(taken);
        let ring = log.ring();
        prop_assert_eq!(
            (ring.total(), ring.dropped() + ring.len() as u64),
            (count, count)
        );
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_cut_line_has_a_mark_whatever_its_content() {
    let filling = prop::collection::vec(
        any::<u8>().prop_filter("no end", |byte| *byte != b'\n'),
        1..9,
    );
    let run = runner(30).run(&(filling, 16_384_usize..300_000), |(filling, length)| {
        let bytes: Vec<u8> = filling.iter().copied().cycle().take(length).collect();
        let chunk = LogChunk {
            at: None,
            stream: LogStream::Out,
            bytes,
            dropped: 0,
        };
        let line = NewLine::from_chunk(&chunk);
        prop_assert!(is_sanitized(&line.text));
        let count = line.text.chars().count();
        prop_assert!(count <= 16 * 1024);
        let is_cut = line.text.ends_with("in total]");
        prop_assert!(
            is_cut || count < 16 * 1024,
            "{count} characters, and not a word about the rest"
        );
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}
