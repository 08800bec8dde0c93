//! People who do not drive: they hold the target, approve the releases of others, or withdraw an
//! approval. They are the first operator, the second, and a third person.

use std::time::Duration;

use greenroom::inventory::{Hold, Operator, PeerApproval};

use super::names::{release, time, version};
use super::scope::Scope;
use super::side::Side;
use super::state::{State, World};

/// The third person, who never drives.
pub(crate) const SOMEBODY: usize = 2;

pub(crate) fn person(number: usize) -> Operator {
    Operator {
        name: ["ana", "ben", "cleo"][number].into(),
        host: "ops-1".into(),
    }
}

/// The hold that was placed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Placed {
    pub(crate) number: u8,
    pub(crate) stands: bool,
}

/// What one approver has approved of the first release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Given {
    pub(crate) hour: u8,
}

/// The records of people besides the driver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Others {
    pub(crate) hold: Option<Placed>,
    /// Of the second operator, and of the third person.
    pub(crate) given: [Option<Given>; 2],
}

/// How long an approval counts.
const COUNTS: Duration = Duration::from_mins(30);

impl<S: Side> World<S> {
    pub(crate) fn is_held(&self) -> bool {
        self.others.hold.is_some_and(|hold| hold.stands)
    }

    /// The hold as a store has it.
    pub(crate) fn hold_seen(&self) -> Option<Hold> {
        let placed = self.others.hold.filter(|hold| hold.stands)?;
        Some(Hold {
            reason: placed.number.to_string(),
            author: person(SOMEBODY),
            since: time(0),
            until: None,
            release: None,
            cleared: None,
        })
    }

    /// The approvals, whether they count or not.
    pub(crate) fn given_seen(&self) -> Vec<PeerApproval> {
        let Some(mark) = self.store.journals[0].plan_mark() else {
            return Vec::new();
        };
        let all = self.others.given.iter().enumerate();
        all.filter_map(|(index, given)| {
            let given = (*given)?;
            let at = time(given.hour);
            Some(PeerApproval {
                release: release(1),
                digest: version('b').digest,
                plan: mark.to_owned(),
                by: person(index + 1),
                console: String::new(),
                given_at: at,
                expires_at: at.checked_add(COUNTS).expect("a moment"),
                evidence: String::new(),
                note: None,
            })
        })
        .collect()
    }

    /// Whether the approval still exists: the store deletes expired ones a little later.
    pub(crate) fn is_given(&self, one: &PeerApproval) -> bool {
        time(self.hour) < one.expires_at && self.given_seen().contains(one)
    }

    /// Whether a person who neither started nor drives the first release approves it now.
    pub(crate) fn is_peer_approved(&self) -> bool {
        let driver = self.store.lock.map(|lock| lock.by);
        let mut given = self.others.given.iter().enumerate();
        given.any(|(index, given)| {
            let is_fresh = given.is_some_and(|given| given.hour == self.hour);
            is_fresh && driver != Some(index + 1)
        })
    }
}

impl<S: Side> Scope<S> {
    /// Places a hold, or clears the one in force.
    pub(super) fn holds(state: &mut State<S>) {
        state.left.holds -= 1;
        let hold = &mut state.world.others.hold;
        *hold = Some(match *hold {
            Some(placed) if placed.stands => Placed {
                stands: false,
                ..placed
            },
            Some(placed) => Placed {
                number: placed.number + 1,
                stands: true,
            },
            None => Placed {
                number: 0,
                stands: true,
            },
        });
    }

    /// Approves the first release, or withdraws that.
    pub(super) fn gives_peer_approval(state: &mut State<S>, person: usize) {
        let hour = state.world.hour;
        let given = &mut state.world.others.given[person - 1];
        *given = match *given {
            Some(given) if given.hour == hour => {
                state.left.others -= 1;
                None
            }
            _ => Some(Given { hour }),
        };
    }

    /// Whether a person would do so: while the release has no end, and withdrawals only a limited
    /// number of times.
    pub(super) fn may_peer_approve(state: &State<S>, person: usize) -> bool {
        let given = state.world.others.given[person - 1];
        let is_given = given.is_some_and(|given| given.hour == state.world.hour);
        state.world.store.journals[0].is_open() && (!is_given || state.left.others > 0)
    }
}
