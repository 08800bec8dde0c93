//! Freezes are times during which no release is promoted. They are written in the configuration: a freeze happens once
//! or every week, in a given time zone. Zones come from `time_zone`, and the caller passes the current time. When
//! clocks change for daylight saving, two windows are possible, and the freeze gets the longer window: an hour too much
//! delays a release, but an hour too little lets a release through.

mod written;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

pub use self::written::{InvalidFreeze, WrittenFreeze};
use super::{ClockReading, Clocks, Hold, Operator, ServiceName};

/// One freeze of the configuration, which happens once or every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// What the freeze is for, e.g. `payday`.
    pub name: String,
    /// The time zone of the dates and times in `window`.
    pub zone: TimeZone,
    pub window: Window,
    /// The services to which the freeze applies. If empty, it applies to every service of the environment.
    pub services: Vec<ServiceName>,
}

/// When a freeze is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    Once {
        from: DateTime,
        until: DateTime,
    },
    Weekly {
        /// The weekdays on which the freeze starts.
        every: Vec<WeekdayName>,
        /// The time at which the freeze starts on these days.
        from: Time,
        /// The weekday on which the freeze ends, at its next occurrence; none if the freeze lasts at most a day.
        until_day: Option<WeekdayName>,
        /// The time at which the freeze ends. Without `until_day`, an end that is not later than `from` is on the next
        /// day.
        until: Time,
    },
}

/// A weekday, written as the first three letters of its English name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeekdayName {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl WeekdayName {
    /// Every weekday with its name, starting with Monday.
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

/// How many days the search for the start of a weekly freeze goes back, and how many it goes ahead: a week, which is
/// the longest weekly freeze, and one more day.
const SEARCHED_DAYS: i32 = 8;

impl Freeze {
    pub fn is_for(&self, service: &ServiceName) -> bool {
        self.services.is_empty() || self.services.contains(service)
    }

    /// The freeze as a hold, if it is active at `now`.
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

    /// Start and end of the window that contains `now`. If several windows contain `now`, those of the window that ends
    /// last.
    fn span(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let is_now = |span: &(Timestamp, Timestamp)| span.0 <= now && now < span.1;
        match &self.window {
            Window::Once { from, until } => {
                Some((self.start_time(*from)?, self.end_time(*until)?)).filter(is_now)
            }
            Window::Weekly {
                every,
                from,
                until_day,
                until,
            } => {
                let today = self.zone.to_datetime(now).date();
                // If clocks change at midnight, a freeze of tomorrow may start today: see `start_time`.
                (-1..=SEARCHED_DAYS)
                    .filter_map(|back| today.checked_sub(back.days()).ok())
                    .filter(|day| every.iter().any(|name| name.weekday() == day.weekday()))
                    .filter_map(|day| {
                        let last = last_day(day, (*from, *until), *until_day)?;
                        let start = self.start_time(day.to_datetime(*from))?;
                        Some((start, self.end_time(last.to_datetime(*until))?))
                    })
                    .filter(is_now)
                    .max_by_key(|(_, until)| *until)
            }
        }
    }

    /// The instant of a start. If clocks change, the earlier of the two possible instants.
    fn start_time(&self, at: DateTime) -> Option<Timestamp> {
        let start = self.zone.to_ambiguous_zoned(at).earlier().ok()?;
        Some(start.timestamp())
    }

    /// The instant of an end. If clocks change, the later of the two possible instants.
    fn end_time(&self, at: DateTime) -> Option<Timestamp> {
        let end = self.zone.to_ambiguous_zoned(at).later().ok()?;
        Some(end.timestamp())
    }
}

/// The day on which a weekly freeze ends that starts on `day`.
fn last_day(day: Date, (from, until): (Time, Time), name: Option<WeekdayName>) -> Option<Date> {
    let ends_next_day = until <= from;
    let days = match name {
        None => i32::from(ends_next_day),
        Some(name) => {
            let days = i32::from(day.weekday().until(name.weekday()));
            if days == 0 && ends_next_day { 7 } else { days }
        }
    };
    day.checked_add(days.days()).ok()
}

/// The holds that stop a promote at `now`: the placed hold, if it is active, and every active freeze.
pub fn active_holds(
    placed: Option<&Hold>,
    freezes: &[Freeze],
    service: &ServiceName,
    now: Timestamp,
) -> Vec<Hold> {
    let placed = placed.filter(|hold| hold.is_active(now)).cloned();
    let freezes = freezes.iter().filter(|freeze| freeze.is_for(service));
    placed
        .into_iter()
        .chain(freezes.filter_map(|freeze| freeze.hold(now)))
        .collect()
}

/// The holds and freezes that stop a promote at `now`. First come those that are active by the clock of this machine.
/// Then come those that are active at any time between the clock that is furthest behind and the clock that is furthest
/// ahead, because the true time is one of these.
pub fn holds_by_all_clocks(
    placed: Option<&Hold>,
    freezes: &[Freeze],
    service: &ServiceName,
    (now, clocks): (Timestamp, &Clocks),
) -> Vec<Hold> {
    let mut holds = active_holds(placed, freezes, service, now);
    let (earliest, latest) = (clocks.earliest(now), clocks.latest(now));
    // A freeze that is active only between the two clocks is active when it starts.
    let starts = freezes.iter().flat_map(|freeze| freeze.starts(earliest));
    let starts = starts.filter(|start| earliest < *start && *start < latest);
    for time in [earliest, latest].into_iter().chain(starts) {
        for hold in active_holds(placed, freezes, service, time) {
            if !holds.contains(&hold) {
                holds.push(hold);
            }
        }
    }
    holds
}

/// The clock because of which a hold or freeze stops promotes at `now`. None if it is active by the clock of this
/// machine, or if no clock differs.
pub fn only_by_clock<'a>(
    hold: &Hold,
    placed: Option<&Hold>,
    freezes: &[Freeze],
    service: &ServiceName,
    (now, clocks): (Timestamp, &'a Clocks),
) -> Option<&'a ClockReading> {
    let own = active_holds(placed, freezes, service, now);
    clocks.because_of(hold, now).filter(|_| !own.contains(hold))
}

/// How far into the future [`next_start`] searches.
const SEARCHED_AHEAD: SignedDuration = SignedDuration::from_hours(24 * 8);

/// When the next freeze of a service starts; none if no freeze starts within eight days. A freeze that is active now is
/// ignored.
pub fn next_start(freezes: &[Freeze], service: &ServiceName, now: Timestamp) -> Option<Timestamp> {
    let until = now.checked_add(SEARCHED_AHEAD).ok()?;
    let starts = freezes
        .iter()
        .filter(|freeze| freeze.is_for(service) && freeze.span(now).is_none())
        .flat_map(|freeze| freeze.starts(now))
        .filter(|at| *at > now && *at <= until);
    starts.min()
}

impl Freeze {
    /// The only start of the freeze, or its weekly starts on today and the next eight days.
    fn starts(&self, now: Timestamp) -> Vec<Timestamp> {
        match &self.window {
            Window::Once { from, .. } => self.start_time(*from).into_iter().collect(),
            Window::Weekly { every, from, .. } => {
                let today = self.zone.to_datetime(now).date();
                (0..=SEARCHED_DAYS)
                    .filter_map(|ahead| today.checked_add(ahead.days()).ok())
                    .filter(|day| every.iter().any(|name| name.weekday() == day.weekday()))
                    .filter_map(|day| self.start_time(day.to_datetime(*from)))
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

    fn clock(of: &str, minutes_ahead_of_ours: i64, now: Timestamp) -> ClockReading {
        let ahead = SignedDuration::from_mins(minutes_ahead_of_ours);
        ClockReading::new(of.into(), (now, now), now + ahead)
    }

    #[test]
    fn a_freeze_between_two_clocks_counts_and_names_the_clock_that_decides() {
        let freeze = Freeze {
            window: Window::Once {
                from: "2026-11-24T12:00:00".parse().expect("a time"),
                until: "2026-11-24T12:10:00".parse().expect("a time"),
            },
            ..weekly("UTC", &[], "00:00", "01:00")
        };
        let freezes = [freeze];
        let service: ServiceName = "web".parse().expect("a name");
        let held = |now: &str, minutes: &[(&str, i64)]| {
            let now = at(now);
            let clocks = minutes.iter().map(|(of, minutes)| clock(of, *minutes, now));
            let clocks = Clocks(clocks.collect());
            let holds = holds_by_all_clocks(None, &freezes, &service, (now, &clocks));
            holds
                .iter()
                .map(|hold| {
                    let by = only_by_clock(hold, None, &freezes, &service, (now, &clocks));
                    by.map(|clock| clock.of.clone())
                })
                .collect::<Vec<_>>()
        };
        let store = || vec![Some("the store".to_owned())];
        // Over by the store, which is an hour ahead, and not yet begun by this machine.
        assert_eq!(held("2026-11-24T11:30:00Z", &[("the store", 60)]), store());
        // The engine differs more, but by its clock the freeze is over.
        let both = [("the engine", -600), ("the store", 60)];
        assert_eq!(held("2026-11-24T11:30:00Z", &both), store());
        let behind = [("the engine", 600), ("the store", -60)];
        assert_eq!(held("2026-11-24T13:05:00Z", &behind), store());
        assert_eq!(held("2026-11-24T12:05:00Z", &behind), [None]);
        assert!(held("2026-11-24T10:30:00Z", &[("the store", 60)]).is_empty());
        assert!(held("2026-11-24T11:30:00Z", &[]).is_empty());
    }

    #[test]
    fn a_weekend_freeze_uses_the_time_zone_of_its_place() {
        let weekend = weekly("Europe/Berlin", &[WeekdayName::Fri], "16:00", "mon 08:00");
        for (now, expected) in [
            // The first two times are Friday 15:59:59 and 16:00 in Berlin, which is one hour ahead of UTC in November.
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
    fn a_window_whose_end_is_before_its_start_ends_on_the_next_day() {
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
    fn a_whole_week_is_always_active() {
        let always = weekly("UTC", &[WeekdayName::Thu], "09:00", "thu 09:00");
        for now in [
            "2026-11-26T08:59:59Z",
            "2026-11-26T09:00:00Z",
            "2026-11-29T23:00:00Z",
        ] {
            assert!(span(&always, now).is_some(), "{now}");
        }
    }

    /// In Berlin, 02:00 becomes 03:00 on 29 March 2026, and 03:00 becomes 02:00 on 25 October. In New York the clocks
    /// change on 8 March and 1 November.
    #[test]
    fn a_clock_change_never_makes_a_window_shorter() {
        let sunday = [WeekdayName::Sun];
        let hour = weekly("Europe/Berlin", &sunday, "02:30", "03:30");
        assert_eq!(
            span(&hour, "2026-03-29T00:45:00Z"),
            Some(from("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z")),
            "02:30 does not exist: starts half an hour earlier"
        );
        assert_eq!(
            span(&hour, "2026-10-25T01:45:00Z"),
            Some(from("2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z")),
            "02:30 happens twice: starts at the first one"
        );
        let before = weekly("Europe/Berlin", &sunday, "01:00", "02:30");
        assert_eq!(
            span(&before, "2026-03-29T00:15:00Z"),
            Some(from("2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z")),
            "an end that does not exist is half an hour later"
        );
        assert_eq!(
            span(&before, "2026-10-25T01:15:00Z"),
            Some(from("2026-10-24T23:00:00Z", "2026-10-25T01:30:00Z")),
            "an end that happens twice is the second one"
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
    fn a_single_window_becomes_a_hold_with_an_end() {
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
            .expect("it is active");
        assert_eq!(hold.since, at("2026-12-23T17:00:00Z"));
        assert_eq!(hold.until, Some(at("2027-01-02T07:00:00Z")));
        assert_eq!(hold.author.to_string(), "the configuration");
        let web = "web".parse().expect("a name");
        let api = "api".parse().expect("a name");
        let now = at("2026-12-31T12:00:00Z");
        assert_eq!(
            active_holds(None, std::slice::from_ref(&holidays), &web, now),
            [hold]
        );
        assert!(active_holds(None, std::slice::from_ref(&holidays), &api, now).is_empty());
        let before = at("2026-12-20T12:00:00Z");
        let start = next_start(std::slice::from_ref(&holidays), &web, before);
        assert_eq!(start, Some(at("2026-12-23T17:00:00Z")));
        assert_eq!(next_start(&[holidays], &api, before), None);
    }
}
