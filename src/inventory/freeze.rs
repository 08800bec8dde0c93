//! Times at which nothing is promoted, as the configuration says them: once, or every week, by the clocks of
//! a place. Pure: the time zones are those of `time_zone`, and the caller says what time it is. Where clocks
//! are set, the window is the longer of what its words may mean: an hour too long delays a release, an hour
//! too short lets one through.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::{Clocks, Hold, Operator, ServiceName};

/// One window, or one every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// What it is for, e.g. `payday`.
    pub name: String,
    /// By the clocks of which place.
    #[serde(with = "super::time_zone")]
    pub zone: TimeZone,
    /// When.
    pub window: Window,
    /// The services it is for; all of the environment when there are none.
    pub services: Vec<ServiceName>,
}

/// When a freeze stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// Once, from one moment to a later one.
    Once {
        /// From then on.
        from: DateTime,
        /// Until then.
        until: DateTime,
    },
    /// Every week.
    Weekly {
        /// The days it begins on.
        every: Vec<WeekdayName>,
        /// At what time of those days.
        from: Time,
        /// On which day it ends, the next of that name; none: within a day.
        until_day: Option<WeekdayName>,
        /// At what time it ends. Not later than `from` is the next day, where no day is said.
        until: Time,
    },
}

/// A day of the week, by the first three letters of its English name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeekdayName {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl WeekdayName {
    /// All of them, from Monday on, each with its name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("mon", Self::Mon),
        ("tue", Self::Tue),
        ("wed", Self::Wed),
        ("thu", Self::Thu),
        ("fri", Self::Fri),
        ("sat", Self::Sat),
        ("sun", Self::Sun),
    ];

    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// How many days back a window may have begun that still stands: a week, and one for the time zone.
const LOOKING_BACK: i32 = 8;

impl Freeze {
    /// Whether it is for a service.
    pub fn is_for(&self, service: &ServiceName) -> bool {
        self.services.is_empty() || self.services.contains(service)
    }

    /// The hold that it is at `now`, if it stands.
    pub fn hold(&self, now: Timestamp) -> Option<Hold> {
        let (since, until) = self.span(now)?;
        Some(Hold {
            reason: self.name.clone(),
            author: Operator {
                name: "the configuration".to_owned(),
                host: String::new(),
            },
            since,
            until: Some(until),
            release: None,
            cleared: None,
        })
    }

    /// From when to when it stands around `now`; of windows that overlap, to the end of the last.
    fn span(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let is_now = |span: &(Timestamp, Timestamp)| span.0 <= now && now < span.1;
        match &self.window {
            Window::Once { from, until } => {
                Some((self.begin(*from)?, self.end(*until)?)).filter(is_now)
            }
            Window::Weekly {
                every,
                from,
                until_day,
                until,
            } => {
                let today = self.zone.to_datetime(now).date();
                (-1..=LOOKING_BACK)
                    .filter_map(|back| today.checked_sub(back.days()).ok())
                    .filter(|day| every.iter().any(|name| name.weekday() == day.weekday()))
                    .filter_map(|day| {
                        let last = last_day(day, (*from, *until), *until_day)?;
                        let begin = self.begin(day.to_datetime(*from))?;
                        Some((begin, self.end(last.to_datetime(*until))?))
                    })
                    .filter(is_now)
                    .max_by_key(|(_, until)| *until)
            }
        }
    }

    fn begin(&self, at: DateTime) -> Option<Timestamp> {
        let said = self.zone.to_ambiguous_zoned(at).earlier().ok()?;
        Some(said.timestamp())
    }

    fn end(&self, at: DateTime) -> Option<Timestamp> {
        let said = self.zone.to_ambiguous_zoned(at).later().ok()?;
        Some(said.timestamp())
    }
}

/// The day on which a weekly window ends that begins on `day`.
fn last_day(day: Date, (from, until): (Time, Time), name: Option<WeekdayName>) -> Option<Date> {
    let goes_over = until <= from;
    let days = match name {
        None => i32::from(goes_over),
        Some(name) => {
            let days = i32::from(day.weekday().until(name.weekday()));
            if days == 0 && goes_over { 7 } else { days }
        }
    };
    day.checked_add(days.days()).ok()
}

/// What stops a promote at `now`: the hold that somebody has placed, and every freeze.
pub fn standing(
    placed: Option<&Hold>,
    freezes: &[Freeze],
    service: &ServiceName,
    now: Timestamp,
) -> Vec<Hold> {
    let placed = placed.filter(|hold| hold.stands(now)).cloned();
    let freezes = freezes.iter().filter(|freeze| freeze.is_for(service));
    placed
        .into_iter()
        .chain(freezes.filter_map(|freeze| freeze.hold(now)))
        .collect()
}

/// The holds and freezes that stop a promote at `now`: first those by this machine's clock, then those only by another.
pub fn holds_by_all_clocks(
    placed: Option<&Hold>,
    freezes: &[Freeze],
    service: &ServiceName,
    (now, clocks): (Timestamp, &Clocks),
) -> Vec<Hold> {
    let mut holds = standing(placed, freezes, service, now);
    for time in [clocks.earliest(now), clocks.latest(now)] {
        for hold in standing(placed, freezes, service, time) {
            if !holds.contains(&hold) {
                holds.push(hold);
            }
        }
    }
    holds
}

/// How far ahead [`next`] looks.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 8);

/// When the next freeze of a service begins, if one does within a week: the first moment, to the minute,
/// at which one stands that does not stand now.
pub fn next(freezes: &[Freeze], service: &ServiceName, now: Timestamp) -> Option<Timestamp> {
    let until = now.checked_add(AHEAD).ok()?;
    let begins = freezes
        .iter()
        .filter(|freeze| freeze.is_for(service) && freeze.span(now).is_none())
        .flat_map(|freeze| freeze.begins(now))
        .filter(|at| *at > now && *at <= until);
    begins.min()
}

impl Freeze {
    /// The moments around `now` and in the week after it at which it begins.
    fn begins(&self, now: Timestamp) -> Vec<Timestamp> {
        match &self.window {
            Window::Once { from, .. } => self.begin(*from).into_iter().collect(),
            Window::Weekly { every, from, .. } => {
                let today = self.zone.to_datetime(now).date();
                (0..=LOOKING_BACK)
                    .filter_map(|ahead| today.checked_add(ahead.days()).ok())
                    .filter(|day| every.iter().any(|name| name.weekday() == day.weekday()))
                    .filter_map(|day| self.begin(day.to_datetime(*from)))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::time_zone;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn zone(name: &str) -> TimeZone {
        time_zone::named(name).expect("a zone")
    }

    fn weekly(place: &str, every: &[WeekdayName], from: &str, until: &str) -> Freeze {
        let (day, time) = match until.split_once(' ') {
            Some((day, time)) => {
                let found = WeekdayName::ALL.into_iter().find(|(name, _)| *name == day);
                (found.map(|(_, name)| name), time)
            }
            None => (None, until),
        };
        Freeze {
            name: "quiet".into(),
            zone: zone(place),
            window: Window::Weekly {
                every: every.to_vec(),
                from: from.parse().expect("a time"),
                until_day: day,
                until: time.parse().expect("a time"),
            },
            services: Vec::new(),
        }
    }

    fn span(freeze: &Freeze, now: &str) -> Option<(String, String)> {
        let (since, until) = freeze.span(at(now))?;
        Some((since.to_string(), until.to_string()))
    }

    fn from(since: &str, until: &str) -> (String, String) {
        (since.into(), until.into())
    }

    #[test]
    fn a_weekend_begins_on_friday_and_ends_on_monday_by_the_clocks_of_its_place() {
        let weekend = weekly("Europe/Berlin", &[WeekdayName::Fri], "16:00", "mon 08:00");
        for (now, expected) in [
            // Friday 15:59:59 and 16:00 in Berlin, which is an hour ahead in November.
            ("2026-11-27T14:59:59Z", None),
            (
                "2026-11-27T15:00:00Z",
                Some(from("2026-11-27T15:00:00Z", "2026-11-30T07:00:00Z")),
            ),
            (
                "2026-11-30T06:59:59Z",
                Some(from("2026-11-27T15:00:00Z", "2026-11-30T07:00:00Z")),
            ),
            ("2026-11-30T07:00:00Z", None),
            ("2026-12-02T12:00:00Z", None),
        ] {
            assert_eq!(span(&weekend, now), expected, "{now}");
        }
    }

    #[test]
    fn a_night_goes_over_midnight_and_a_lunch_does_not() {
        let nights = [WeekdayName::Mon, WeekdayName::Tue];
        let night = weekly("UTC", &nights, "22:00", "06:00");
        assert_eq!(span(&night, "2026-11-23T21:59:00Z"), None);
        assert_eq!(
            span(&night, "2026-11-24T05:59:00Z"),
            Some(from("2026-11-23T22:00:00Z", "2026-11-24T06:00:00Z"))
        );
        assert_eq!(
            span(&night, "2026-11-25T05:59:00Z"),
            Some(from("2026-11-24T22:00:00Z", "2026-11-25T06:00:00Z"))
        );
        assert_eq!(span(&night, "2026-11-25T23:00:00Z"), None);
        let lunch = weekly("UTC", &[WeekdayName::Wed], "12:00", "13:00");
        assert_eq!(
            span(&lunch, "2026-11-25T12:30:00Z"),
            Some(from("2026-11-25T12:00:00Z", "2026-11-25T13:00:00Z"))
        );
        assert_eq!(span(&lunch, "2026-11-26T12:30:00Z"), None);
    }

    #[test]
    fn a_whole_week_stands_always() {
        let always = weekly("UTC", &[WeekdayName::Thu], "09:00", "thu 09:00");
        for now in [
            "2026-11-26T08:59:59Z",
            "2026-11-26T09:00:00Z",
            "2026-11-29T23:00:00Z",
        ] {
            assert!(span(&always, now).is_some(), "{now}");
        }
    }

    /// 29 March 2026, Berlin: 02:00 is 03:00. 25 October: 03:00 is 02:00. In New York it is 8 March and
    /// 1 November.
    #[test]
    fn clocks_that_are_set_make_a_window_longer_and_never_shorter() {
        let sunday = [WeekdayName::Sun];
        let hour = weekly("Europe/Berlin", &sunday, "02:30", "03:30");
        assert_eq!(
            span(&hour, "2026-03-29T00:45:00Z"),
            Some(from("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z")),
            "02:30 is not there: from half an hour before"
        );
        assert_eq!(
            span(&hour, "2026-10-25T01:45:00Z"),
            Some(from("2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z")),
            "02:30 is there twice: from the first one on"
        );
        let before = weekly("Europe/Berlin", &sunday, "01:00", "02:30");
        assert_eq!(
            span(&before, "2026-03-29T00:15:00Z"),
            Some(from("2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z")),
            "an end that is not there is half an hour later"
        );
        assert_eq!(
            span(&before, "2026-10-25T01:15:00Z"),
            Some(from("2026-10-24T23:00:00Z", "2026-10-25T01:30:00Z")),
            "an end that is there twice is the second one"
        );
        let weekend = weekly(
            "America/New_York",
            &[WeekdayName::Fri],
            "18:00",
            "mon 06:00",
        );
        assert_eq!(
            span(&weekend, "2026-03-08T12:00:00Z"),
            Some(from("2026-03-06T23:00:00Z", "2026-03-09T10:00:00Z"))
        );
        assert_eq!(
            span(&weekend, "2026-11-01T12:00:00Z"),
            Some(from("2026-10-30T22:00:00Z", "2026-11-02T11:00:00Z"))
        );
    }

    #[test]
    fn a_window_of_its_own_stands_once_and_becomes_a_hold_with_an_end() {
        let holidays = Freeze {
            name: "holidays".into(),
            zone: zone("Europe/Berlin"),
            window: Window::Once {
                from: "2026-12-23T18:00".parse().expect("a time"),
                until: "2027-01-02T08:00".parse().expect("a time"),
            },
            services: vec!["web".parse().expect("a name")],
        };
        assert_eq!(holidays.hold(at("2026-12-23T16:59:59Z")), None);
        let hold = holidays
            .hold(at("2026-12-31T12:00:00Z"))
            .expect("it stands");
        assert_eq!(hold.since, at("2026-12-23T17:00:00Z"));
        assert_eq!(hold.until, Some(at("2027-01-02T07:00:00Z")));
        assert_eq!(hold.author.to_string(), "the configuration");
        let web = "web".parse().expect("a name");
        let api = "api".parse().expect("a name");
        let now = at("2026-12-31T12:00:00Z");
        assert_eq!(
            standing(None, std::slice::from_ref(&holidays), &web, now),
            [hold]
        );
        assert!(standing(None, std::slice::from_ref(&holidays), &api, now).is_empty());
        let before = at("2026-12-20T12:00:00Z");
        let begins = next(std::slice::from_ref(&holidays), &web, before);
        assert_eq!(begins, Some(at("2026-12-23T17:00:00Z")));
        assert_eq!(next(&[holidays], &api, before), None);
    }

    #[test]
    fn a_freeze_reads_back_as_it_was_written() {
        let freeze = weekly("Europe/Berlin", &[WeekdayName::Fri], "16:00", "mon 08:00");
        let text = serde_json::to_string(&freeze).expect("text");
        let again: Freeze = serde_json::from_str(&text).expect("a freeze");
        assert_eq!(again, freeze, "{text}");
    }
}
