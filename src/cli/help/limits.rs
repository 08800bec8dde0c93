//! The table in `greenroom help limits`: how much Greenroom reads from each server, and for how long.

use super::markdown;
use crate::ports::{Bound, TimeLimit};

/// The table of `bounds` as Markdown.
pub(super) fn table(bounds: &[Bound]) -> String {
    let rows = bounds.iter().map(|bound| {
        let (size, time) = (size(bound.bytes), time(bound.time));
        format!("{} | {} | {size} | {time}", bound.server, bound.answer)
    });
    markdown::table_text("server | what is read | at most | time", rows)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1024 / 1024),
    }
}

fn time(time: TimeLimit) -> String {
    match time {
        TimeLimit::Within(time) => format!("within {time:?}"),
        TimeLimit::Idle(time) => format!("{time:?} without new data"),
        TimeLimit::Configured(key) => format!("within the configured `{key}`"),
        TimeLimit::Endless => "no limit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bounds;

    #[test]
    fn every_bound_has_a_row_with_its_size() {
        let text = table(&bounds());
        for bound in bounds() {
            let is_its = |line: &&str| {
                line.starts_with(&format!("| {} | {} |", bound.server, bound.answer))
                    && line.contains(&size(bound.bytes))
                    && line.ends_with(&format!("{} |", time(bound.time)))
            };
            assert_eq!(text.lines().filter(is_its).count(), 1, "{bound:?}: {text}");
        }
    }
}
