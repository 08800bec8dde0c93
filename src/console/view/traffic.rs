//! The text about the traffic of a slot. A slot without requests has no data, which is neither good nor bad.

use std::time::Duration;

use super::text;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{Rates, Role};

/// The percentage of failed requests from which the traffic is shown as bad.
const BAD_PERCENT: u64 = 1;

/// A line for requests and errors, and a line for latencies. A slot without requests, or with a role other than live or
/// unknown, gets one line.
pub(super) fn lines(rates: &Rates, role: Role, theme: &Theme) -> Vec<(String, Meaning)> {
    if rates.requests == 0 {
        let message = if role == Role::Candidate {
            "no traffic yet: no data".to_owned()
        } else {
            let window = text::age(rates.window.as_secs());
            format!("no request in the last {window}: no data")
        };
        return vec![(message, Meaning::Muted)];
    }
    if !matches!(role, Role::Live | Role::Unknown) {
        // The window began before the traffic moved away. A rate would look as if the slot still had traffic.
        let noun = if rates.requests == 1 {
            "request"
        } else {
            "requests"
        };
        let window = text::age(rates.window.as_secs());
        let message = format!(
            "not live; {} {noun}, last {window}",
            text::count(rates.requests)
        );
        return vec![(message, Meaning::Muted)];
    }
    let (glyph, meaning) = if rates.errors * 100 >= rates.requests * BAD_PERCENT {
        (Some(Glyph::Cross), Meaning::Bad)
    } else if rates.errors > 0 {
        (None, Meaning::Warn)
    } else {
        (None, Meaning::Text)
    };
    let mark = glyph.map_or(String::new(), |glyph| format!("{} ", theme.glyph(glyph)));
    let (per_second, errors) = (rates.per_second(), rates.error_share());
    let window = text::age(rates.window.as_secs());
    vec![
        (
            format!("{mark}{per_second}, last {window}  errors {errors}"),
            meaning,
        ),
        (
            format!("p50 {}  p99 {}", time(rates.p50), time(rates.p99)),
            Meaning::Text,
        ),
    ]
}

/// A latency. A latency below ten milliseconds has one decimal, unless that decimal is zero.
fn time(time: Duration) -> String {
    let micros = time.as_micros();
    let is_whole = micros >= 1_000 && micros % 1_000 < 100;
    if micros >= 10_000 || is_whole {
        return text::took(time);
    }
    let tenths = (micros / 100).max(1);
    format!("{}.{}ms", tenths / 10, tenths % 10)
}
