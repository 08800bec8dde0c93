//! Parses times as an operator types them into a filter: `yesterday`, `3d`, `2026-11-20`. Days are in the time zone of
//! this machine, as on every screen. The caller passes the current time.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::inventory::local_time;
use crate::inventory::units::parse_amount;

/// The period that a typed text means. Start and end are the same if the text means a single moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    pub from: Timestamp,
    /// The end is exclusive.
    pub to: Timestamp,
}

/// Parses the typed text into a period, if the current time is `now`. The error lists what can be written.
pub fn when(text: &str, now: Timestamp) -> Result<When, String> {
    when_in(text, now, &local_time::zone())
}

fn when_in(text: &str, now: Timestamp, zone: &TimeZone) -> Result<When, String> {
    let word = text.to_ascii_lowercase();
    let found = match word.as_str() {
        "now" => Some(moment(now)),
        "today" => day(today(now, zone), zone),
        "yesterday" => today(now, zone)
            .yesterday()
            .ok()
            .and_then(|date| day(date, zone)),
        word => weekday(word)
            .and_then(|weekday| day(last(weekday, today(now, zone)), zone))
            .or_else(|| ago(word, now))
            .or_else(|| absolute(text, zone)),
    };
    found.ok_or_else(|| {
        format!(
            "`{text}` is not a time: write today, yesterday, monday, 3d, 12h, 2026-11-20 or \
             2026-11-20T14:00"
        )
    })
}

fn moment(at: Timestamp) -> When {
    When { from: at, to: at }
}

fn today(now: Timestamp, zone: &TimeZone) -> Date {
    now.to_zoned(zone.clone()).date()
}

fn start(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = date.to_zoned(zone.clone()).ok()?;
    Some(zoned.timestamp())
}

fn day(date: Date, zone: &TimeZone) -> Option<When> {
    Some(When {
        from: start(date, zone)?,
        to: start(date.tomorrow().ok()?, zone)?,
    })
}

pub(super) fn weekday(word: &str) -> Option<Weekday> {
    let weekdays = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let is_meant = |name: &str| word.len() >= 3 && name.starts_with(word);
    weekdays
        .into_iter()
        .find(|(name, _)| is_meant(name))
        .map(|(_, weekday)| weekday)
}

/// The last day with this weekday before today. On a Tuesday, *tuesday* means the day a week ago.
fn last(weekday: Weekday, today: Date) -> Date {
    let mut date = today;
    for _ in 0..7 {
        date = date.yesterday().unwrap_or(date);
        if date.weekday() == weekday {
            break;
        }
    }
    date
}

/// Parses an amount of time before now: `3d`, `12h`, `1h30m`, `2w`.
fn ago(word: &str, now: Timestamp) -> Option<When> {
    now.checked_sub(amount(word)?).ok().map(moment)
}

/// Parses an amount of time after now: `3d`, `12h`, `1h30m`, `2w`.
pub(super) fn after_now(word: &str, now: Timestamp) -> Option<Timestamp> {
    now.checked_add(amount(word)?).ok()
}

/// Parses an amount of time. An amount of zero is refused, as in the configuration.
fn amount(word: &str) -> Option<Duration> {
    let units = [("w", 7 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60)];
    let seconds = parse_amount(word, &units).filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds))
}

/// Parses a date, a date and time, or a month.
pub(super) fn absolute(text: &str, zone: &TimeZone) -> Option<When> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(moment(at));
    }
    if let Some(month) = month(text, zone) {
        return Some(month);
    }
    if !text.contains(['T', 't', ' ']) {
        return text.parse::<Date>().ok().and_then(|date| day(date, zone));
    }
    let at: DateTime = text.parse().ok()?;
    let zoned = at.to_zoned(zone.clone()).ok()?;
    Some(moment(zoned.timestamp()))
}

/// Parses a whole month: `2026-11`.
fn month(text: &str, zone: &TimeZone) -> Option<When> {
    let first: Date = (text.len() == 7)
        .then(|| format!("{text}-01").parse().ok())
        .flatten()?;
    Some(When {
        from: start(first, zone)?,
        to: start(first.checked_add(1.month()).ok()?, zone)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn words_mean_days_or_moments() {
        // The day is a Saturday.
        let now = at("2026-11-21T14:02:11Z");
        for (word, from, to) in [
            ("now", "2026-11-21T14:02:11Z", "2026-11-21T14:02:11Z"),
            ("today", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("Yesterday", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
            ("tuesday", "2026-11-17T00:00:00Z", "2026-11-18T00:00:00Z"),
            ("sat", "2026-11-14T00:00:00Z", "2026-11-15T00:00:00Z"),
            ("3d", "2026-11-18T14:02:11Z", "2026-11-18T14:02:11Z"),
            ("12h", "2026-11-21T02:02:11Z", "2026-11-21T02:02:11Z"),
            ("2w", "2026-11-07T14:02:11Z", "2026-11-07T14:02:11Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
            ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (
                "2026-11-20T14:00",
                "2026-11-20T14:00:00Z",
                "2026-11-20T14:00:00Z",
            ),
            (
                "2026-11-20T14:00:00+02:00",
                "2026-11-20T12:00:00Z",
                "2026-11-20T12:00:00Z",
            ),
        ] {
            let meant = When {
                from: at(from),
                to: at(to),
            };
            assert_eq!(when_in(word, now, &TimeZone::UTC), Ok(meant), "{word}");
        }
    }

    #[test]
    fn an_invalid_time_is_refused_with_examples() {
        let now = at("2026-11-21T14:02:11Z");
        for word in [
            "",
            "soon",
            "3",
            "d",
            "-3d",
            "0m",
            "0h0m",
            "2026-13-01",
            "99999999999999999999d",
            "é",
        ] {
            let error = when_in(word, now, &TimeZone::UTC).expect_err("no time");
            assert!(error.contains("yesterday"), "{error}");
        }
    }

    #[test]
    fn words_mean_the_days_of_the_zone() {
        let berlin = crate::inventory::time_zone::named("Europe/Berlin").expect("a zone");
        // In Berlin it is half an hour after midnight of the next day.
        let now = at("2026-11-20T23:30:00Z");
        let day = |from: &str, to: &str| When {
            from: at(from),
            to: at(to),
        };
        assert_eq!(
            when_in("today", now, &berlin),
            Ok(day("2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z"))
        );
        assert_eq!(
            when_in("2026-11-20T14:00", now, &berlin),
            Ok(day("2026-11-20T13:00:00Z", "2026-11-20T13:00:00Z"))
        );
    }
}
