use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::logs::Origin;

fn line(second: i64, text: &str) -> NewLine {
    NewLine {
        at: Timestamp::from_second(second).ok(),
        origin: Origin::Out,
        text: text.into(),
    }
}

fn log(lines: usize) -> Log {
    Log::new(Bounds {
        lines,
        bytes: usize::MAX,
    })
}

fn searched(search: &str) -> Wanted {
    Wanted {
        search: search.into(),
        ..Wanted::default()
    }
}

fn filtered(filter: &str) -> Wanted {
    Wanted {
        filter: filter.into(),
        ..Wanted::default()
    }
}

fn texts(log: &Log) -> Vec<&str> {
    log.shown().lines(0).map(|line| &*line.text).collect()
}

/// Ten lines; every third has an error.
fn ten() -> Log {
    let mut log = log(100);
    log.extend((0..10).map(|n| {
        let word = if n % 3 == 0 { "ERROR" } else { "fine" };
        line(n, &format!("{word} {n}"))
    }));
    log
}

#[test]
fn a_search_starts_at_the_newest_visible_match() {
    let mut log = ten();
    log.want(&searched("error"), plain(4));
    assert_eq!(texts(&log).len(), 10);
    assert!(log.go_to_nearest(plain(4)));
    assert_eq!(log.hits(), Some((Some(4), 4)));
    assert_eq!(log.seek(Seek::Older, plain(4)), Some(false));
    assert_eq!(log.hits(), Some((Some(3), 4)));
    assert_eq!(log.seek(Seek::Newer, plain(4)), Some(false));
    assert_eq!(log.seek(Seek::Newer, plain(4)), Some(true));
    assert_eq!(log.hits(), Some((Some(1), 4)));
    assert_eq!(log.seek(Seek::Older, plain(4)), Some(true));
    assert_eq!(log.hit(), Some(LineId(9)));
}

#[test]
fn in_a_fixed_view_a_search_looks_upwards_first() {
    let mut log = ten();
    log.to_start();
    log.want(&searched("error 9"), plain(4));
    assert!(log.go_to_nearest(plain(4)));
    assert_eq!(log.hit(), Some(LineId(9)));
    log.to_start();
    log.want(&searched("error"), plain(4));
    assert!(log.go_to_nearest(plain(4)));
    assert_eq!(log.hit(), Some(LineId(3)));
    log.want(&searched("nothing has this"), plain(4));
    assert!(!log.go_to_nearest(plain(4)));
    assert_eq!(log.hits(), Some((None, 0)));
    assert_eq!(log.seek(Seek::Newer, plain(4)), None);
}

#[test]
fn a_search_looks_only_in_lines_that_match_the_filter() {
    let mut log = ten();
    let mut wanted = filtered("error");
    log.want(&wanted, plain(4));
    assert_eq!(texts(&log), ["ERROR 0", "ERROR 3", "ERROR 6", "ERROR 9"]);
    wanted.search = "6".into();
    log.want(&wanted, plain(4));
    assert!(log.go_to_nearest(plain(4)));
    assert_eq!(log.hits(), Some((Some(1), 1)));
    log.extend([line(20, "error 66"), line(21, "fine 6")]);
    assert_eq!(log.hits(), Some((Some(1), 2)));
    assert_eq!(texts(&log).len(), 5);
}

#[test]
fn since_hides_older_lines_that_come_later() {
    let mut log = ten();
    let wanted = |second| Wanted {
        since: Timestamp::from_second(second).ok(),
        ..Wanted::default()
    };
    log.want(&wanted(8), plain(4));
    assert_eq!(texts(&log), ["fine 8", "ERROR 9"]);
    log.want(&wanted(50), plain(4));
    assert!(log.shown().is_empty());
    log.extend([line(49, "old"), line(51, "new"), NewLine::notice("said")]);
    assert_eq!(texts(&log), ["new", "said"]);
    log.want(&Wanted::default(), plain(4));
    assert_eq!(texts(&log).len(), 13);
}

#[test]
fn two_logs_are_merged_by_time() {
    let (mut blue, mut green, mut both) = (log(100), log(100), log(100));
    let add = |slot, log: &mut Log, both: &mut Log, lines: &[NewLine]| {
        let from = log.ring().end();
        log.extend(lines.iter().cloned());
        both.interleave(slot, log, from);
    };
    add(
        Slot::Blue,
        &mut blue,
        &mut both,
        &[line(1, "b1"), line(5, "b5")],
    );
    add(
        Slot::Green,
        &mut green,
        &mut both,
        &[line(3, "g3"), line(5, "g5")],
    );
    both.want(&searched("b"), plain(2));
    both.go_to_nearest(plain(2));
    assert_eq!(both.hit(), Some(LineId(2)));
    let late = [
        line(0, "old"),
        NewLine::notice("gap"),
        line(4, "g4"),
        line(9, "g9"),
    ];
    add(Slot::Green, &mut green, &mut both, &late);
    // Each log keeps its own order: a late line is not moved before its earlier lines.
    assert_eq!(
        texts(&both),
        ["b1", "g3", "b5", "g5", "old", "gap", "g4", "g9"]
    );
    add(Slot::Blue, &mut blue, &mut both, &[line(6, "b6")]);
    assert_eq!(texts(&both)[6..], ["g4", "b6", "g9"]);
    assert_eq!(both.hits(), Some((Some(2), 3)));
    let slots: Vec<_> = both.shown().lines(6).map(|line| line.slot).collect();
    assert_eq!(
        slots,
        [Some(Slot::Green), Some(Slot::Blue), Some(Slot::Green)]
    );
}

#[test]
fn a_fixed_view_does_not_move_when_older_lines_arrive() {
    let (mut blue, mut green, mut both) = (log(100), log(100), log(100));
    blue.extend((0..20).map(|n| line(n, &format!("b{n}"))));
    both.interleave(Slot::Blue, &blue, LineId(0));
    both.scroll(plain(5), -5);
    let top = |both: &Log| {
        let top = both.view().top(both.shown(), plain(5)).number;
        both.shown().get(top).map(|line| line.text.to_string())
    };
    assert_eq!(top(&both).as_deref(), Some("b10"));
    green.extend((0..20).map(|n| line(n, &format!("g{n}"))));
    both.interleave(Slot::Green, &green, LineId(0));
    assert_eq!(top(&both).as_deref(), Some("b10"));
}

#[derive(Debug, Clone)]
enum Act {
    Push(Vec<(u8, u8)>),
    Other(Vec<(u8, u8)>),
    Search(u8),
    Filter(u8),
    Since(Option<i64>),
    Seek(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let lines = || prop::collection::vec((0_u8..6, 0_u8..9), 0..12);
    let act = prop_oneof![
        4 => lines().prop_map(Act::Push),
        3 => lines().prop_map(Act::Other),
        1 => (0_u8..8).prop_map(Act::Search),
        1 => (0_u8..8).prop_map(Act::Filter),
        1 => prop::option::of(0_i64..60).prop_map(Act::Since),
        1 => any::<bool>().prop_map(Act::Seek),
    ];
    prop::collection::vec(act, 0..40)
}

const WORDS: [&str; 6] = ["GET", "error", "basket", "Error in basket", "日本", ""];
const WANTED: [&str; 8] = ["", "error", "Error", "basket", "t", "日", "x", ""];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_index_finds_what_a_scan_of_all_lines_finds(
        acts in acts(),
        capacity in 1_usize..40,
    ) {
        let (mut merged, mut other) = (log(capacity), log(1000));
        let mut wanted = Wanted::default();
        let mut clock = 0;
        let mut new_lines = |lines: &[(u8, u8)]| -> Vec<NewLine> {
            lines
                .iter()
                .map(|(word, step)| {
                    clock += i64::from(*step) - 2;
                    line(clock, WORDS[usize::from(*word)])
                })
                .collect()
        };
        for act in acts {
            match act {
                Act::Push(lines) => merged.extend(new_lines(&lines)),
                Act::Other(lines) => {
                    let from = other.ring().end();
                    other.extend(new_lines(&lines));
                    merged.interleave(Slot::Green, &other, from);
                }
                Act::Search(word) => wanted.search = WANTED[usize::from(word)].into(),
                Act::Filter(word) => wanted.filter = WANTED[usize::from(word)].into(),
                Act::Since(second) => wanted.since = second.and_then(|s| Timestamp::from_second(s).ok()),
                Act::Seek(newer) => {
                    merged.seek(if newer { Seek::Newer } else { Seek::Older }, plain(3));
                }
            }
            merged.want(&wanted, plain(3));
            let (filter, search) = (Needle::new(&wanted.filter), Needle::new(&wanted.search));
            let since = wanted.since.map_or(i64::MIN, Timestamp::as_microsecond);
            let expected: Vec<LineId> = merged
                .ring()
                .window(LineId(0), usize::MAX)
                .filter(|line| line.order >= since)
                .filter(|line| filter.as_ref().is_none_or(|needle| needle.is_in(&line.text)))
                .map(|line| line.id)
                .collect();
            let shown: Vec<LineId> = merged.shown().lines(0).map(|line| line.id).collect();
            prop_assert_eq!(&shown, &expected);
            for (number, id) in expected.iter().enumerate() {
                prop_assert_eq!(merged.shown().number(*id), number);
            }
            let found: VecDeque<LineId> = merged
                .shown()
                .lines(0)
                .filter(|line| search.as_ref().is_some_and(|needle| needle.is_in(&line.text)))
                .map(|line| line.id)
                .collect();
            prop_assert_eq!(merged.hits().map(|(_, count)| count), search.as_ref().map(|_| found.len()));
            let orders: Vec<i64> = merged.ring().window(LineId(0), usize::MAX).map(|l| l.order).collect();
            prop_assert!(orders.is_sorted());
            prop_assert!(merged.hit().is_none() || search.is_some());
        }
    }
}
