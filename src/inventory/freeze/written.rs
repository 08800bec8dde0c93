//! Freezes as they are written in the configuration: a window with dates, or a weekly window, in a time zone.

use jiff::civil::{DateTime, Time};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Freeze, WeekdayName, Window};
use crate::inventory::{ServiceName, time_zone};
use crate::sanitize::visible;

/// A time at which nothing is promoted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenFreeze {
    /// The reason as a name, e.g. payday.
    pub name: String,
    /// The time zone, e.g. Europe/Berlin.
    zone: String,
    /// The weekdays on which the freeze starts, e.g. `["fri"]`; absent for a window with dates.
    #[serde(default)]
    every: Vec<String>,
    /// When the freeze starts: 2026-12-23 18:00, or with `every` a time such as 16:00.
    from: String,
    /// When the freeze ends: 2027-01-02 08:00, or with `every` a time such as 22:00 or mon 08:00.
    until: String,
    /// The services that the freeze applies to; all when absent.
    #[serde(default)]
    pub services: Vec<ServiceName>,
}

/// Why a freeze cannot be read, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFreeze {
    #[error("there is no time zone `{}`", visible(.0))]
    Zone(String),
    #[error("`{}` is not a weekday: write mon, tue, wed, thu, fri, sat or sun", visible(.text))]
    Weekday { key: &'static str, text: String },
    #[error(
        "`{}` is not a time of the day: write {}, or leave out `every` for a window with dates",
        visible(.text),
        if *.key == "until" { "\"08:00\" or \"mon 08:00\"" } else { "\"16:00\"" }
    )]
    Time { key: &'static str, text: String },
    #[error(
        "`{}` is not a date with a time: write \"2026-12-23 18:00\", or list weekdays in `every` for a weekly freeze",
        visible(.text)
    )]
    DateTime { key: &'static str, text: String },
    #[error("`until` must be later than `from`")]
    EndsFirst,
}

impl InvalidFreeze {
    /// The key with the wrong value.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Zone(_) => "zone",
            Self::Weekday { key, .. } | Self::Time { key, .. } | Self::DateTime { key, .. } => key,
            Self::EndsFirst => "until",
        }
    }
}

impl TryFrom<WrittenFreeze> for Freeze {
    type Error = InvalidFreeze;

    fn try_from(written: WrittenFreeze) -> Result<Self, InvalidFreeze> {
        let zone = time_zone::named(&written.zone);
        let window = match &*written.every {
            [] => once(&written),
            every => weekly(every, &written),
        };
        Ok(Self {
            zone: zone.ok_or(InvalidFreeze::Zone(written.zone))?,
            window: window?,
            name: written.name,
            services: written.services,
        })
    }
}

fn once(written: &WrittenFreeze) -> Result<Window, InvalidFreeze> {
    let from = date_time("from", &written.from)?;
    let until = date_time("until", &written.until)?;
    if until <= from {
        return Err(InvalidFreeze::EndsFirst);
    }
    Ok(Window::Once { from, until })
}

fn weekly(every: &[String], written: &WrittenFreeze) -> Result<Window, InvalidFreeze> {
    let until = written.until.trim();
    let (day, time) = match until.split_once(' ') {
        Some((day, time)) => (Some(weekday("until", day)?), time.trim()),
        None => (None, until),
    };
    let every = every.iter().map(|name| weekday("every", name));
    Ok(Window::Weekly {
        every: every.collect::<Result<_, _>>()?,
        from: time_of("from", &written.from)?,
        until_day: day,
        until: time_of("until", time)?,
    })
}

fn weekday(key: &'static str, text: &str) -> Result<WeekdayName, InvalidFreeze> {
    let mut all = WeekdayName::ALL.into_iter();
    let found = all.find(|(name, _)| *name == text);
    let text = || text.to_owned();
    found
        .map(|(_, day)| day)
        .ok_or_else(|| InvalidFreeze::Weekday { key, text: text() })
}

fn time_of(key: &'static str, text: &str) -> Result<Time, InvalidFreeze> {
    let is_time = text.len() >= 5 && text.as_bytes().get(2) == Some(&b':');
    let parsed = text.parse().ok().filter(|_| is_time);
    let text = || text.to_owned();
    parsed.ok_or_else(|| InvalidFreeze::Time { key, text: text() })
}

fn date_time(key: &'static str, text: &str) -> Result<DateTime, InvalidFreeze> {
    // A date without a time would mean midnight, which is rarely intended.
    let parsed = text.parse().ok().filter(|_| text.contains(':'));
    let text = || text.to_owned();
    parsed.ok_or_else(|| InvalidFreeze::DateTime { key, text: text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(until: &str) -> Result<Window, InvalidFreeze> {
        let written = serde_json::json!({
            "name": "quiet",
            "zone": "Europe/Berlin",
            "every": ["fri"],
            "from": "16:00",
            "until": until,
        });
        let written: WrittenFreeze = serde_json::from_value(written).expect("its keys");
        Freeze::try_from(written).map(|freeze| freeze.window)
    }

    #[test]
    fn a_weekly_freeze_may_end_on_another_day() {
        let time = |text: &str| text.parse::<Time>().expect("a time");
        let window = Window::Weekly {
            every: vec![WeekdayName::Fri],
            from: time("16:00"),
            until_day: Some(WeekdayName::Mon),
            until: time("08:00"),
        };
        assert_eq!(read("mon 08:00"), Ok(window));
    }

    #[test]
    fn the_error_names_the_key_and_what_to_write() {
        let error = read("monday 08:00").expect_err("no weekday");
        assert_eq!(error.key(), "until");
        assert!(error.to_string().contains("write mon, tue"), "{error}");
    }
}
