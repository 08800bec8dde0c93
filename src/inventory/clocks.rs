//! Other machines' clocks, compared with this one's. Pure.
//!
//! A hold, a freeze and an approval end at a moment that an operator's clock decides. A clock that is wrong would end
//! them too early, so a hold and a freeze end only when every clock
//! that could be asked says so. A freeze begins, and an approval ends, when the first of them says so. Where no other clock can be asked,
//! this machine's own is all there is.

use std::fmt;
use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::EnvironmentName;

/// How far two clocks may differ before an operator is told: more than a machine that synchronises its clock ever
/// differs, and less than any hold or approval lasts.
const TOLERATED: SignedDuration = SignedDuration::from_secs(10);

/// The largest difference between two readings of one clock that is no change: answers take different times.
const SAME_READING: SignedDuration = SignedDuration::from_secs(2);

/// The time that the `Date` of an HTTP answer tells (<https://www.rfc-editor.org/rfc/rfc9110#field.date>). It is the
/// beginning of a second, of which half has passed on average.
pub fn http_date(date: &[u8]) -> Option<Timestamp> {
    let told = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    told.checked_add(Duration::from_millis(500)).ok()
}

/// What another machine's clock said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReading {
    /// Whose clock it is, e.g. `the engine of qa`.
    pub of: String,
    /// How far this machine's clock is ahead of it; negative where it is behind.
    pub ahead: SignedDuration,
    /// How far off that may be: half of the time that the answer took.
    pub within: SignedDuration,
}

/// The name of the clock of an environment's engine.
pub fn engine_of(environment: &EnvironmentName) -> String {
    format!("the engine of {environment}")
}

/// The name of the clock of an environment's store.
pub fn store_of(environment: &EnvironmentName) -> String {
    format!("the store of {environment}")
}

impl ClockReading {
    /// A clock that was asked at `asked` and had answered `told` by `answered`, both by this machine's clock.
    pub fn new(of: String, (asked, answered): (Timestamp, Timestamp), told: Timestamp) -> Self {
        let took = answered.duration_since(asked);
        let within = took.abs() / 2;
        let middle = asked.checked_add(took / 2).unwrap_or(asked);
        Self {
            of,
            ahead: middle.duration_since(told),
            within,
        }
    }

    /// Whether the difference is more than could be a slow answer or a clock that is being synchronised.
    pub fn differs(&self) -> bool {
        self.ahead.abs() > self.within + TOLERATED
    }

    /// The same reading of a server that has another name for another environment.
    #[must_use]
    pub fn called(&self, of: String) -> Self {
        Self { of, ..self.clone() }
    }

    /// Whether another reading of the same clock says the same, apart from the time that the answers took.
    pub fn is_like(&self, other: &Self) -> bool {
        let apart = (self.ahead - other.ahead).abs();
        self.of == other.of && self.differs() == other.differs() && apart < SAME_READING
    }

    /// `2h ahead of this machine's`.
    pub fn seen_from_here(&self) -> String {
        let way = if self.ahead.is_negative() {
            "ahead of"
        } else {
            "behind"
        };
        format!("{:#} {way} this machine's", rounded(self.ahead))
    }

    /// The time by that clock while this machine's says `now`.
    fn time(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.ahead).unwrap_or(now)
    }
}

/// `this machine's clock is 2h ahead of the engine of qa`.
impl fmt::Display for ClockReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = rounded(self.ahead);
        let Self { of, ahead, .. } = self;
        if by.is_zero() {
            return write!(f, "this machine's clock agrees with {of}");
        }
        let way = if ahead.is_negative() {
            "behind"
        } else {
            "ahead of"
        };
        write!(f, "this machine's clock is {by:#} {way} {of}")
    }
}

fn rounded(by: SignedDuration) -> SignedDuration {
    let by = by.abs();
    let unit = match by.as_secs() {
        0..120 => 1,
        120..7_200 => 60,
        _ => 600,
    };
    SignedDuration::from_secs((by.as_secs() + unit / 2) / unit * unit)
}

/// Every other clock that could be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clocks(pub Vec<ClockReading>);

impl Clocks {
    /// The clock that differs most; none where none differs by more than is tolerated.
    pub fn differs(&self) -> Option<&ClockReading> {
        let differing = self.0.iter().filter(|reading| reading.differs());
        differing.max_by_key(|reading| reading.ahead.abs())
    }

    /// The earliest time that one of the clocks says while this machine's says `now`. What ends by a clock is over only
    /// when it is over by this one.
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        let times = self.differing().map(|reading| reading.time(now));
        times.min().map_or(now, |time| time.min(now))
    }

    /// The latest time that one of the clocks says while this machine's says `now`. A freeze has begun when it has begun by
    /// this one, and an approval counts only until this one says that it has expired.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        let times = self.differing().map(|reading| reading.time(now));
        times.max().map_or(now, |time| time.max(now))
    }

    /// Replaces the last reading of a clock; none when it did not answer. Keeps no reading that agrees with this
    /// machine's clock, because it decides nothing.
    pub fn keep(&mut self, of: &str, reading: Option<ClockReading>) {
        let new = reading.filter(ClockReading::differs);
        let known = self.0.iter().position(|known| known.of == of);
        match (known, new) {
            (Some(at), Some(new)) if self.0[at].is_like(&new) => {}
            (Some(at), Some(new)) => self.0[at] = new,
            (Some(at), None) => drop(self.0.remove(at)),
            (None, Some(new)) => self.0.push(new),
            (None, None) => {}
        }
    }

    fn differing(&self) -> impl Iterator<Item = &ClockReading> {
        self.0.iter().filter(|reading| reading.differs())
    }

    /// The clock by which a moment that is still to come for `now` is over; the one that is furthest ahead.
    pub fn over_by(&self, moment: Timestamp, now: Timestamp) -> Option<&ClockReading> {
        let over = self
            .differing()
            .filter(|reading| moment <= reading.time(now));
        over.max_by_key(|reading| reading.time(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn reading(ahead: i64) -> ClockReading {
        ClockReading::new(
            "the engine of qa".into(),
            (at(10_000), at(10_000)),
            at(10_000 - ahead),
        )
    }

    #[test]
    fn a_difference_is_told_with_whose_clock_it_is_and_rounded() {
        let ahead = reading(7_203);
        assert!(ahead.differs());
        assert_eq!(
            ahead.to_string(),
            "this machine's clock is 2h ahead of the engine of qa"
        );
        assert_eq!(
            reading(-45).to_string(),
            "this machine's clock is 45s behind the engine of qa"
        );
        assert_eq!(
            reading(0).to_string(),
            "this machine's clock agrees with the engine of qa"
        );
    }

    #[test]
    fn the_date_of_an_answer_is_read_as_the_middle_of_its_second() {
        let told = http_date(b"Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(told.to_string(), "1994-11-06T08:49:37.5Z");
        assert_eq!(http_date(b"yesterday"), None);
    }

    #[test]
    fn a_slow_answer_is_no_difference() {
        let slow = ClockReading::new("a".into(), (at(100), at(160)), at(105));
        assert_eq!((slow.ahead.as_secs(), slow.within.as_secs()), (25, 30));
        assert!(!slow.differs());
        assert!(!reading(9).differs() && reading(11).differs());
    }

    #[test]
    fn the_earliest_and_the_latest_time_are_those_of_clocks_that_differ() {
        let clocks = Clocks(vec![reading(3), reading(3_600), reading(-60)]);
        assert_eq!(clocks.earliest(at(10_000)), at(6_400));
        assert_eq!(clocks.latest(at(10_000)), at(10_060));
        assert_eq!(clocks.differs(), Some(&reading(3_600)));
        let none = Clocks::default();
        assert_eq!((none.earliest(at(5)), none.latest(at(5))), (at(5), at(5)));
    }

    #[test]
    fn only_a_clock_that_differs_is_kept() {
        let of = "the engine of qa";
        let mut clocks = Clocks::default();
        clocks.keep(of, Some(reading(3)));
        assert_eq!(clocks, Clocks::default());
        clocks.keep(of, Some(reading(3_600)));
        let kept = clocks.clone();
        assert_eq!(kept, Clocks(vec![reading(3_600)]));
        clocks.keep(of, Some(reading(3_601)));
        assert_eq!(clocks, kept);
        clocks.keep(of, Some(reading(60)));
        assert_eq!(clocks, Clocks(vec![reading(60)]));
        // A server that does not answer says nothing of the time.
        clocks.keep(of, None);
        assert_eq!(clocks, Clocks::default());
    }

    #[test]
    fn the_clock_that_is_furthest_ahead_ends_an_approval() {
        let clocks = Clocks(vec![reading(3_600), reading(-60), reading(-600)]);
        let over = clocks.over_by(at(10_030), at(10_000)).unwrap();
        assert_eq!(over.ahead.as_secs(), -600);
        assert_eq!(over.seen_from_here(), "10m ahead of this machine's");
        assert_eq!(clocks.over_by(at(10_601), at(10_000)), None);
    }
}
