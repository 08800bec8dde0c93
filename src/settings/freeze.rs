//! Reads freezes: a window with dates, or a weekly window, in a time zone. Each error names the key and says what to
//! write.

use jiff::civil::{DateTime, Time};

use super::model::FreezeSection;
use super::problem::{nearest, visible};
use super::read::suggestion;
use crate::inventory::freeze::{WeekdayName, Window};
use crate::inventory::{Freeze, time_zone};

/// A key of the section, and the error.
pub(super) type Wrong = (&'static str, String);

/// Reads a freeze. Does not find out whether its services exist: `check` compares them with the configured services.
pub(super) fn freeze(section: &FreezeSection) -> Result<Freeze, Wrong> {
    let zone = time_zone::named(&section.zone);
    let zone = zone.ok_or_else(|| ("zone", unknown_zone(&section.zone)))?;
    let window = if section.every.is_empty() {
        once(section)?
    } else {
        weekly(section)?
    };
    let services = &section.services;
    Ok(Freeze {
        name: section.name.clone(),
        zone,
        window,
        services: services.iter().filter_map(|it| it.parse().ok()).collect(),
    })
}

fn unknown_zone(name: &str) -> String {
    let known = time_zone::names();
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        near @ Some(_) => suggestion(near),
        None => ": write one such as \"Europe/Berlin\" or \"UTC\"".to_owned(),
    };
    format!("there is no time zone `{}`{hint}", visible(name))
}

fn once(section: &FreezeSection) -> Result<Window, Wrong> {
    let from = date_time("from", &section.from)?;
    let until = date_time("until", &section.until)?;
    if until <= from {
        return Err(("until", "`until` must be later than `from`".into()));
    }
    Ok(Window::Once { from, until })
}

fn weekly(section: &FreezeSection) -> Result<Window, Wrong> {
    let every = section.every.iter().map(|name| weekday("every", name));
    let until = section.until.trim();
    let (day, time) = match until.split_once(' ') {
        Some((day, time)) => (Some(weekday("until", day)?), time.trim()),
        None => (None, until),
    };
    Ok(Window::Weekly {
        every: every.collect::<Result<_, _>>()?,
        from: time_of("from", &section.from)?,
        until_day: day,
        until: time_of("until", time)?,
    })
}

fn weekday(key: &'static str, text: &str) -> Result<WeekdayName, Wrong> {
    let found = WeekdayName::ALL.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, day)| day).ok_or_else(|| {
        let message = format!(
            "`{}` is not a weekday: write mon, tue, wed, thu, fri, sat or sun",
            visible(text)
        );
        (key, message)
    })
}

fn time_of(key: &'static str, text: &str) -> Result<Time, Wrong> {
    let is_time = text.len() >= 5 && text.as_bytes().get(2) == Some(&b':');
    let parsed = text.parse().ok().filter(|_| is_time);
    parsed.ok_or_else(|| {
        let example = if key == "until" {
            "\"08:00\" or \"mon 08:00\""
        } else {
            "\"16:00\""
        };
        let message = format!(
            "`{}` is not a time of the day: write {example}, or leave out `every` for a window with dates",
            visible(text)
        );
        (key, message)
    })
}

fn date_time(key: &'static str, text: &str) -> Result<DateTime, Wrong> {
    // A date without a time would mean midnight, which is rarely intended.
    let parsed = text.parse().ok().filter(|_| text.contains(':'));
    parsed.ok_or_else(|| {
        let message = format!(
            "`{}` is not a date with a time: write \"2026-12-23 18:00\", or list weekdays in `every` for a weekly freeze",
            visible(text)
        );
        (key, message)
    })
}
