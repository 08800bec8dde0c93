use proptest::prelude::*;

use super::super::{Bounds, NewLine, Origin, Ring, plain, rows};
use super::*;

fn ring(lines: usize) -> Ring {
    Ring::new(Bounds {
        lines,
        bytes: usize::MAX,
    })
}

fn line(text: &str) -> NewLine {
    NewLine {
        at: None,
        origin: Origin::Out,
        text: text.into(),
    }
}

fn pour(ring: &mut Ring, count: usize) {
    for _ in 0..count {
        let text = ring.total().to_string();
        ring.push(line(&text));
    }
}

fn shown(ring: &Ring) -> Shown<'_> {
    Shown::new(ring, None, LineId(0))
}

fn top(view: &Viewport, ring: &Ring, height: usize) -> u64 {
    ring.first().0 + view.top(shown(ring), plain(height)).number as u64
}

#[test]
fn following_shows_the_newest_line_and_scrolling_up_stops_it() {
    let mut ring = ring(100);
    let mut view = Viewport::default();
    pour(&mut ring, 20);
    assert_eq!(top(&view, &ring, 5), 15);
    view.scroll(shown(&ring), plain(5), -3);
    pour(&mut ring, 30);
    assert_eq!(top(&view, &ring, 5), 12);
    assert_eq!(view.below(shown(&ring), plain(5)), 33);
    view.scroll(shown(&ring), plain(5), 1000);
    assert!(view.follows());
}

#[test]
fn a_view_on_a_dropped_line_moves_to_the_oldest_kept() {
    let mut ring = ring(10);
    pour(&mut ring, 10);
    let mut view = Viewport::default();
    view.to_start(shown(&ring));
    pour(&mut ring, 7);
    assert_eq!(top(&view, &ring, 4), 7);
}

#[test]
fn a_short_log_starts_at_the_top() {
    let mut ring = ring(10);
    pour(&mut ring, 2);
    assert_eq!(top(&Viewport::default(), &ring, 5), 0);
}

#[test]
fn a_line_longer_than_the_view_scrolls_row_by_row() {
    let mut ring = ring(10);
    ring.push(line("short"));
    ring.push(line(&"x".repeat(45)));
    let wrap = |line: &Line| rows(&line.text, 10);
    let room = Room {
        height: 3,
        rows: &wrap,
    };
    let mut view = Viewport::default();
    let at = |view: &Viewport| {
        let top = view.top(shown(&ring), room);
        (top.number, top.skipped)
    };
    assert_eq!(at(&view), (1, 2));
    view.scroll(shown(&ring), room, -1);
    assert_eq!(at(&view), (1, 1));
    view.scroll(shown(&ring), room, -2);
    assert_eq!(at(&view), (0, 0));
    view.scroll(shown(&ring), room, 2);
    assert_eq!(at(&view), (1, 1));
    view.scroll(shown(&ring), room, 1);
    assert!(view.follows());
}

#[test]
fn a_hidden_line_is_shown_with_context_and_a_visible_one_moves_nothing() {
    let mut ring = ring(1000);
    pour(&mut ring, 500);
    let mut view = Viewport::default();
    view.show(shown(&ring), plain(9), LineId(498));
    assert_eq!(top(&view, &ring, 9), 491);
    assert!(!view.follows());
    view.show(shown(&ring), plain(9), LineId(100));
    assert_eq!(top(&view, &ring, 9), 97);
    view.show(shown(&ring), plain(9), LineId(105));
    assert_eq!(top(&view, &ring, 9), 97);
    view.show(shown(&ring), plain(9), LineId(106));
    assert_eq!(top(&view, &ring, 9), 103);
}

#[derive(Debug, Clone)]
enum Act {
    Pour(usize),
    Scroll(isize),
    Follow,
    Stay,
    Start,
    Show(u64),
    Height(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0_usize..50).prop_map(Act::Pour),
        (-30_isize..30).prop_map(Act::Scroll),
        Just(Act::Follow),
        Just(Act::Stay),
        Just(Act::Start),
        (0_u64..200).prop_map(Act::Show),
        (0_usize..40).prop_map(Act::Height),
    ];
    prop::collection::vec(act, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_view_never_leaves_its_ring_or_moves_by_itself(
        acts in acts(),
        capacity in 1_usize..60,
        columns in 1_usize..4,
    ) {
        let mut ring = ring(capacity);
        let mut view = Viewport::default();
        let wrap = |line: &Line| rows(&line.text, columns);
        let mut room = Room { height: 5, rows: &wrap };
        for act in acts {
            let before = view.top(shown(&ring), room);
            let at = LineId(ring.first().0 + before.number as u64);
            match act {
                Act::Pour(count) => {
                    pour(&mut ring, count);
                    if !view.follows() {
                        let after = view.top(shown(&ring), room);
                        let now = LineId(ring.first().0 + after.number as u64);
                        prop_assert!(now == at.max(ring.first()), "{at:?} {now:?}");
                    }
                }
                Act::Scroll(by) => view.scroll(shown(&ring), room, by),
                Act::Follow => view.follow(),
                Act::Stay => view.stay(shown(&ring), room),
                Act::Start => view.to_start(shown(&ring)),
                Act::Show(id) => {
                    view.show(shown(&ring), room, LineId(id));
                    let number = shown(&ring).number(LineId(id));
                    let top = view.top(shown(&ring), room);
                    prop_assert!(top.number <= number || ring.is_empty());
                }
                Act::Height(height) => room.height = height,
            }
            let top = view.top(shown(&ring), room);
            prop_assert!(top.number <= ring.len());
            if view.follows() {
                prop_assert_eq!(view.below(shown(&ring), room), 0);
            }
        }
    }
}
