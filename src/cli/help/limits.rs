//! `greenroom help limits`: how much is read of every server, and for how long.

use std::fmt::Write as _;

use crate::ports::{Bound, Patience};

const HEAD: &str = "\
Greenroom reads no more than this of any server, so that one that answers without an end costs
neither memory nor time. An answer beyond its limit is an error that names the server and the
limit; the body of a check, what a command prints and a line of output are cut. Greenroom asks for
no compressed answers and unpacks none. Names are looked up within the time of the call. Of a
forward proxy, 8 KiB of its answer to CONNECT are read. A stop of a container has its `stop_grace`
in addition. A command in a container whose two outputs have more than 16 MiB together is an error.
";

pub(super) fn text(bounds: &[Bound]) -> String {
    let widest = |text: fn(&Bound) -> &'static str| {
        let lengths = bounds.iter().map(|bound| text(bound).len());
        lengths.max().unwrap_or_default()
    };
    let (server, answer) = (widest(|bound| bound.server), widest(|bound| bound.answer));
    let mut text = HEAD.to_owned();
    for bound in bounds {
        let _ = write!(
            text,
            "\n{:<server$}  {:<answer$}  {:>7}  {}",
            bound.server,
            bound.answer,
            size(bound.bytes),
            time(bound.time)
        );
    }
    text
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1024 / 1024),
    }
}

fn time(time: Patience) -> String {
    match time {
        Patience::Within(time) => format!("within {time:?}"),
        Patience::Idle(time) => format!("{time:?} without anything new"),
        Patience::Configured(key) => format!("within its `{key}`"),
        Patience::Endless => "for as long as it is followed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bounds;

    #[test]
    fn every_bound_has_a_line_with_its_size() {
        let text = text(&bounds());
        for bound in bounds() {
            let is_its = |line: &&str| {
                line.starts_with(bound.server)
                    && line.contains(bound.answer)
                    && line.contains(&size(bound.bytes))
                    && line.ends_with(&time(bound.time))
            };
            assert_eq!(text.lines().filter(is_its).count(), 1, "{bound:?}: {text}");
        }
        assert!(text.lines().all(|line| line.len() <= 110), "{text}");
    }
}
