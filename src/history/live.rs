//! The time during which the new version of a release had the traffic, from the switch steps of its journal.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Direction, Entry, JournalEvent, Step};

/// The time during which the new version of a release had the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LivePeriod {
    /// When the switch to the new version was observed.
    pub since: Timestamp,
    /// When the switch back was observed; none if this release did not switch back. Without a switch back, the version
    /// was live until another release switched away from it, or is still live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl LivePeriod {
    /// The period that the entries prove; none if no entry says that a switch was observed.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        entries.iter().fold(None, |before, entry| {
            Self::after(before, entry.at, &entry.event)
        })
    }

    /// The period after one more entry of the journal. `before` is the period up to that entry. Only an entry that says
    /// that a switch was observed changes the period.
    #[must_use]
    pub fn after(before: Option<Self>, at: Timestamp, event: &JournalEvent) -> Option<Self> {
        let JournalEvent::Outcome {
            step: Step::Switch,
            direction,
            failure: None,
            ..
        } = event
        else {
            return before;
        };
        match (before, direction) {
            (None, Direction::Forward) => Some(Self {
                since: at,
                until: None,
            }),
            (Some(period), Direction::Back) => Some(Self {
                until: period.until.or(Some(at)),
                ..period
            }),
            (before, _) => before,
        }
    }

    /// How long the version was live; none if this release did not switch back.
    pub fn length(&self) -> Option<Duration> {
        let until = self.until?;
        Some(Duration::try_from(until.duration_since(self.since)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn entry(second: i64, step: Step, direction: Direction, failure: Option<&str>) -> Entry {
        Entry {
            sequence: 1,
            at: at(second),
            event: JournalEvent::Outcome {
                step,
                direction,
                failure: failure.map(str::to_owned),
                took: Duration::ZERO,
            },
            chain: None,
        }
    }

    #[test]
    fn a_version_is_live_from_the_observed_switch_to_the_observed_switch_back() {
        use Direction::{Back, Forward};
        let entries = [
            entry(10, Step::Register, Forward, None),
            entry(20, Step::Switch, Forward, Some("no answer")),
            entry(30, Step::Switch, Forward, None),
            entry(40, Step::Watch, Forward, Some("5 errors")),
            entry(50, Step::Drain, Back, None),
            entry(60, Step::Switch, Back, Some("no answer")),
            entry(70, Step::Switch, Back, None),
            entry(80, Step::Stop, Back, None),
        ];
        assert_eq!(LivePeriod::of(&entries[..2]), None);
        let live = |until| {
            Some(LivePeriod {
                since: at(30),
                until,
            })
        };
        assert_eq!(LivePeriod::of(&entries[..6]), live(None));
        assert_eq!(LivePeriod::of(&entries), live(Some(at(70))));
        let length = LivePeriod::of(&entries).and_then(|period| period.length());
        assert_eq!(length, Some(Duration::from_secs(40)));
    }

    #[test]
    fn undoing_a_switch_that_was_never_observed_makes_no_period() {
        let entries = [entry(60, Step::Switch, Direction::Back, None)];
        assert_eq!(LivePeriod::of(&entries), None);
    }
}
