//! Compares the clocks of other machines with the clock of this machine.
//!
//! Holds, freezes and approvals end at a given time. A wrong clock could end a hold too early or an approval too late,
//! so Greenroom also reads the clocks of its servers. A hold or a freeze ends when the end has passed on every clock. A
//! freeze starts when its start has passed on one clock. An approval expires when its expiry has passed on one clock.
//! If no other clock can be read, the clock of this machine decides alone.

use std::fmt;
use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::{EnvironmentName, Hold};

/// How far two clocks may differ before Greenroom warns the operator. The clocks of machines that synchronise their
/// time differ far less, and holds and approvals usually last much longer.
const TOLERATED: SignedDuration = SignedDuration::from_secs(10);

/// Two readings of one clock that differ by less than this are treated as equal, because answers take different times.
const SAME_READING: SignedDuration = SignedDuration::from_secs(2);

/// The time in the `Date` header of an HTTP answer (<https://www.rfc-editor.org/rfc/rfc9110#field.date>). The header
/// gives the start of a second; on average half of that second has passed.
pub fn http_date(date: &[u8]) -> Option<Timestamp> {
    let date = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    date.checked_add(Duration::from_millis(500)).ok()
}

/// A reading of the clock of another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReading {
    /// The name of the clock, e.g. `the store of qa`.
    pub of: String,
    /// How far the clock of this machine is ahead of the other clock; negative if it is behind.
    pub ahead: SignedDuration,
    /// The largest possible error of `ahead`: half of the time that the answer took.
    pub within: SignedDuration,
}

/// The name of the clock of the Docker host that an environment uses.
pub fn engine_of(environment: &EnvironmentName) -> String {
    format!("the Docker host of {environment}")
}

/// The name of the clock of the store that an environment uses.
pub fn store_of(environment: &EnvironmentName) -> String {
    format!("the store of {environment}")
}

impl ClockReading {
    /// `reported` is the time that the other clock reported. The question was sent at `sent`, and the answer arrived at
    /// `answered`, both by the clock of this machine.
    pub fn new(of: String, (sent, answered): (Timestamp, Timestamp), reported: Timestamp) -> Self {
        let took = answered.duration_since(sent);
        let within = took.abs() / 2;
        let middle = sent.checked_add(took / 2).unwrap_or(sent);
        Self {
            of,
            ahead: middle.duration_since(reported),
            within,
        }
    }

    /// Whether the clocks differ by more than a slow answer and the tolerance can explain.
    pub fn differs(&self) -> bool {
        self.ahead.abs() > self.within + TOLERATED
    }

    /// The reading under another name. A server that several environments use has one name in each.
    #[must_use]
    pub fn called(&self, of: String) -> Self {
        Self { of, ..self.clone() }
    }

    /// Whether `other` is a reading of the same clock with nearly the same difference.
    pub fn is_like(&self, other: &Self) -> bool {
        let apart = (self.ahead - other.ahead).abs();
        self.of == other.of && self.differs() == other.differs() && apart < SAME_READING
    }

    /// How far the other clock is ahead of the clock of this machine, or behind it, e.g. `2h ahead of this machine's`.
    pub fn relative_to_this_machine(&self) -> String {
        let relation = if self.ahead.is_negative() {
            "ahead of"
        } else {
            "behind"
        };
        format!("{:#} {relation} this machine's", rounded(self.ahead))
    }

    /// The time on the other clock when the clock of this machine shows `now`.
    fn time(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.ahead).unwrap_or(now)
    }
}

/// Shows the difference as `this machine's clock is 2h ahead of the Docker host of qa`.
impl fmt::Display for ClockReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = rounded(self.ahead);
        let Self { of, ahead, .. } = self;
        if by.is_zero() {
            return write!(f, "this machine's clock agrees with {of}");
        }
        let relation = if ahead.is_negative() {
            "behind"
        } else {
            "ahead of"
        };
        write!(f, "this machine's clock is {by:#} {relation} {of}")
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

/// The readings of all other clocks that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clocks(pub Vec<ClockReading>);

impl Clocks {
    /// The clock that differs most; none if no clock differs by more than the tolerance.
    pub fn differs(&self) -> Option<&ClockReading> {
        let differing = self.0.iter().filter(|reading| reading.differs());
        differing.max_by_key(|reading| reading.ahead.abs())
    }

    /// The earliest time on this machine's clock and on the clocks that differ from it, when this machine's clock shows
    /// `now`. A hold or a freeze has ended if it ends at or before this time.
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        let times = self.differing().map(|reading| reading.time(now));
        times.min().map_or(now, |time| time.min(now))
    }

    /// The latest time on this machine's clock and on the clocks that differ from it, when this machine's clock shows
    /// `now`. A freeze has started if it starts at or before this time. An approval has expired if its expiry is at or
    /// before this time.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        let times = self.differing().map(|reading| reading.time(now));
        times.max().map_or(now, |time| time.max(now))
    }

    /// Replaces the known reading of the clock `of`, unless the new reading is nearly the same. Removes the known
    /// reading if there is no new one, or if the new one agrees with the clock of this machine and therefore decides
    /// nothing.
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

    /// The clock because of which a hold counts at `now`, although it is not active by the clock of this machine: a clock
    /// that has not reached the end of the hold, or that has already reached its start. If there are several such
    /// clocks, the one that differs most. If there is none, the clock that differs most of all. None if no clock differs.
    pub fn because_of(&self, hold: &Hold, now: Timestamp) -> Option<&ClockReading> {
        let is_active_by = |reading: &&ClockReading| {
            let time = reading.time(now);
            if now < hold.since {
                hold.since <= time
            } else {
                hold.is_active(time)
            }
        };
        let by = self.differing().filter(is_active_by);
        by.max_by_key(|reading| reading.ahead.abs())
            .or_else(|| self.differs())
    }

    /// The differing clock that is furthest ahead, if it has reached `moment` when the clock of this machine shows
    /// `now`. Clocks that agree with the clock of this machine are ignored.
    pub fn clock_past(&self, moment: Timestamp, now: Timestamp) -> Option<&ClockReading> {
        let passed = self
            .differing()
            .filter(|reading| moment <= reading.time(now));
        passed.max_by_key(|reading| reading.time(now))
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
            "the Docker host of qa".into(),
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
            "this machine's clock is 2h ahead of the Docker host of qa"
        );
        assert_eq!(
            reading(-45).to_string(),
            "this machine's clock is 45s behind the Docker host of qa"
        );
        assert_eq!(
            reading(0).to_string(),
            "this machine's clock agrees with the Docker host of qa"
        );
    }

    #[test]
    fn the_date_of_an_answer_is_read_as_the_middle_of_its_second() {
        let date = http_date(b"Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.to_string(), "1994-11-06T08:49:37.5Z");
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
        let of = "the Docker host of qa";
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
        // A server that does not answer reports no time.
        clocks.keep(of, None);
        assert_eq!(clocks, Clocks::default());
    }

    #[test]
    fn the_clock_that_is_furthest_ahead_ends_an_approval() {
        let clocks = Clocks(vec![reading(3_600), reading(-60), reading(-600)]);
        let over = clocks.clock_past(at(10_030), at(10_000)).unwrap();
        assert_eq!(over.ahead.as_secs(), -600);
        assert_eq!(
            over.relative_to_this_machine(),
            "10m ahead of this machine's"
        );
        assert_eq!(clocks.clock_past(at(10_601), at(10_000)), None);
    }
}
