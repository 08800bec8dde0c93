//! The clocks of other machines, compared with this machine's clock. Pure.
//!
//! A hold, a freeze and an approval end at a time that an operator's clock decides. A wrong clock could end them too
//! early, so a hold or a freeze ends only when every clock that could be read says so. A freeze starts, and an approval
//! ends, when the first clock says so. If no other clock can be read, this machine's clock decides alone.

use std::fmt;
use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::EnvironmentName;

/// How far two clocks may differ before the operator is told. A machine that synchronises its clock never differs that
/// much, and every hold and approval lasts longer.
const TOLERATED: SignedDuration = SignedDuration::from_secs(10);

/// Two readings of one clock that differ by less than this count as the same, because answers take different times.
const SAME_READING: SignedDuration = SignedDuration::from_secs(2);

/// The time in the `Date` header of an HTTP answer (<https://www.rfc-editor.org/rfc/rfc9110#field.date>). The header
/// gives the start of a second; on average half of that second has passed.
pub fn http_date(date: &[u8]) -> Option<Timestamp> {
    let told = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    told.checked_add(Duration::from_millis(500)).ok()
}

/// What another machine's clock said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReading {
    /// Whose clock it is, e.g. `the engine of qa`.
    pub of: String,
    /// How far this machine's clock is ahead of it; negative if it is behind.
    pub ahead: SignedDuration,
    /// The error of `ahead`: half of the time that the answer took.
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

    /// Whether the difference is larger than a slow answer or clock synchronisation can explain.
    pub fn differs(&self) -> bool {
        self.ahead.abs() > self.within + TOLERATED
    }

    /// The same reading under the name that this server has in another environment.
    #[must_use]
    pub fn called(&self, of: String) -> Self {
        Self { of, ..self.clone() }
    }

    /// Whether another reading of the same clock gives the same result, apart from the time that the answers took.
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

    /// The time on that clock when this machine's clock shows `now`.
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

/// Every other clock that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clocks(pub Vec<ClockReading>);

impl Clocks {
    /// The clock that differs most; none if no clock differs by more than the tolerance.
    pub fn differs(&self) -> Option<&ClockReading> {
        let differing = self.0.iter().filter(|reading| reading.differs());
        differing.max_by_key(|reading| reading.ahead.abs())
    }

    /// The earliest time of all clocks when this machine's clock shows `now`. A hold or a freeze has ended only when it
    /// has ended by this time.
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        let times = self.differing().map(|reading| reading.time(now));
        times.min().map_or(now, |time| time.min(now))
    }

    /// The latest time of all clocks when this machine's clock shows `now`. A freeze has started when it has started by
    /// this time. An approval counts until it has expired by this time.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        let times = self.differing().map(|reading| reading.time(now));
        times.max().map_or(now, |time| time.max(now))
    }

    /// Replaces the last reading of a clock; `None` if it did not answer. A reading that agrees with this machine's
    /// clock is not kept, because it decides nothing.
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

    /// The clock that is furthest ahead among those by which `moment` has passed, although it has not passed by `now`.
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
    fn a_difference_names_the_clock_and_is_rounded() {
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
        // A server that does not answer gives no time.
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
