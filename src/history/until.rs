//! Parses the end of a hold as an operator types it: `2h`, `18:00`, `monday`, `2026-12-01`. Times are in the time zone
//! of this machine, as on every screen. The caller passes the current time.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::when::{absolute, after_now, weekday};
use crate::inventory::local_time;

/// Parses the typed text into the end of a hold. The error lists what can be written, or says that the end has passed.
pub fn until(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    until_in(text, now, &local_time::zone())
}

fn until_in(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let word = text.trim().to_ascii_lowercase();
    let today = now.to_zoned(zone.clone()).date();
    let midnight = |date: Date| midnight(date, zone);
    let found = match word.as_str() {
        "tomorrow" => today.tomorrow().ok().and_then(midnight),
        word => after_now(word, now)
            .or_else(|| time(word, today, now, zone))
            .or_else(|| midnight(next(weekday(word)?, today)?))
            .or_else(|| absolute(text.trim(), zone).map(|when| when.from)),
    };
    let found = found.ok_or_else(|| {
        format!(
            "`{text}` is not the end of a hold: write 2h, 3d, 18:00, tomorrow, monday, 2026-12-01 or \
             2026-12-01T14:00, in this machine's time zone"
        )
    })?;
    if found <= now {
        return Err(format!("`{text}` has already passed: write a later end"));
    }
    Ok(found)
}

fn midnight(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(date.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Parses `18:00`. It means today, or tomorrow if that time has passed today.
fn time(word: &str, today: Date, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if word.len() != 5 || !word.contains(':') {
        return None;
    }
    let time: Time = word.parse().ok()?;
    let on = |date: Date| {
        let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
        Some(zoned.timestamp())
    };
    on(today)
        .filter(|at| *at > now)
        .or_else(|| on(today.tomorrow().ok()?))
}

/// The next day with this weekday, after today.
fn next(weekday: jiff::civil::Weekday, today: Date) -> Option<Date> {
    let days = i32::from(today.weekday().until(weekday));
    let days = if days == 0 { 7 } else { days };
    today.checked_add(days.days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_from_the_words_that_people_use() {
        // The day is a Friday.
        let now: Timestamp = "2026-11-27T14:30:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2h", "2026-11-27T16:30:00Z"),
            ("3d", "2026-11-30T14:30:00Z"),
            ("18:00", "2026-11-27T18:00:00Z"),
            ("08:00", "2026-11-28T08:00:00Z"),
            ("tomorrow", "2026-11-28T00:00:00Z"),
            ("Monday", "2026-11-30T00:00:00Z"),
            ("fri", "2026-12-04T00:00:00Z"),
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("2026-12-01T14:00", "2026-12-01T14:00:00Z"),
            ("2026-12-01T14:00:00+01:00", "2026-12-01T13:00:00Z"),
        ] {
            assert_eq!(
                until_in(text, now, &TimeZone::UTC).map(|at| at.to_string()),
                Ok(expected.into()),
                "{text}"
            );
        }
        for text in [
            "",
            "soon",
            "0",
            "2026-11-27",
            "2026-11-01T10:00",
            "99999999999999d",
        ] {
            assert!(until_in(text, now, &TimeZone::UTC).is_err(), "{text}");
        }
        let zero = until_in("0m", now, &TimeZone::UTC).expect_err("no end");
        assert!(zero.contains("is not the end of a hold"), "{zero}");
    }
}
