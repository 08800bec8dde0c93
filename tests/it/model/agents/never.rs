//! What agents never do, as the checker's properties, and what must be reachable.

use greenroom::inventory::StateKind;
use stateright::Property;

use super::scope::Scope;
use super::state::{Person, Phase, State};

/// What an agent must not do. The number is the bit in [`Violations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Violation {
    OpenedInProtected = 0,
    OpenedTwice = 1,
    OpenedAfterFailure = 2,
    OpenedAfterRollback = 3,
    OpenedDismissed = 4,
    ReplacedNewer = 5,
    ResumedFromOperator = 6,
    WronglySettled = 7,
    TwoOpen = 8,
    NotSettled = 9,
    NotExplained = 10,
    NotLive = 11,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Violations(u16);

impl Violations {
    pub(crate) fn add(&mut self, violation: Violation) {
        self.0 |= 1 << violation as u8;
    }

    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }
}

fn never<const VIOLATION: u8>(_: &Scope, state: &State) -> bool {
    state.violations.0 & (1 << VIOLATION) == 0
}

pub(crate) fn each() -> Vec<Property<Scope>> {
    use Violation as V;
    vec![
        Property::always(PROTECTED, never::<{ V::OpenedInProtected as u8 }>),
        Property::always(TWICE, never::<{ V::OpenedTwice as u8 }>),
        Property::always(FAILED, never::<{ V::OpenedAfterFailure as u8 }>),
        Property::always(ROLLED_BACK, never::<{ V::OpenedAfterRollback as u8 }>),
        Property::always(DISMISSED, never::<{ V::OpenedDismissed as u8 }>),
        Property::always(OLDER, never::<{ V::ReplacedNewer as u8 }>),
        Property::always(TAKEN_OVER, never::<{ V::ResumedFromOperator as u8 }>),
        Property::always(SETTLED, never::<{ V::WronglySettled as u8 }>),
        Property::always(ONE_OPEN, never::<{ V::TwoOpen as u8 }>),
        Property::always(CAN_SETTLE, never::<{ V::NotSettled as u8 }>),
        Property::always(EXPLAINED, never::<{ V::NotExplained as u8 }>),
        Property::always(BECOMES_LIVE, never::<{ V::NotLive as u8 }>),
    ]
}

pub(crate) const PROTECTED: &str = "10: no agent opens a release in a protected environment";
pub(crate) const TWICE: &str = "a push is released once, and once more for each retry";
pub(crate) const FAILED: &str = "what failed is not released again without a retry";
pub(crate) const ROLLED_BACK: &str = "what an operator rolled back is not released again";
pub(crate) const DISMISSED: &str = "what an operator dismissed is not released";
pub(crate) const OLDER: &str = "an older push does not replace a newer one";
pub(crate) const TAKEN_OVER: &str = "what an operator took over is not resumed by an agent";
pub(crate) const SETTLED: &str = "an entry says what became of its release";
pub(crate) const ONE_OPEN: &str = "one release at a time is open";
pub(crate) const CAN_SETTLE: &str = "every entry that is rolling out can be settled";
pub(crate) const EXPLAINED: &str = "every entry that waits says what for";
pub(crate) const BECOMES_LIVE: &str = "the newest working push becomes live if nothing stops it";

/// What must happen within the bounds, or the run has tested nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Entry(StateKind),
    /// An agent resumed a release.
    Resumed,
    /// An operator rolled back what an agent released.
    RolledBack,
    /// An operator took over a release of an agent.
    TakenOver,
    /// Two releases were opened for one entry.
    Retried,
}

impl Reach {
    pub(crate) fn property(self) -> Property<Scope> {
        fn is<const KIND: u8>(_: &Scope, state: &State) -> bool {
            state.queue.iter().any(|it| it.state.kind() as u8 == KIND)
        }
        match self {
            Self::Entry(StateKind::Offered) => {
                Property::sometimes("offered", is::<{ StateKind::Offered as u8 }>)
            }
            Self::Entry(StateKind::Failed) => {
                Property::sometimes("failed", is::<{ StateKind::Failed as u8 }>)
            }
            Self::Entry(StateKind::Skipped) => {
                Property::sometimes("skipped", is::<{ StateKind::Skipped as u8 }>)
            }
            Self::Entry(StateKind::Refused) => {
                Property::sometimes("refused", is::<{ StateKind::Refused as u8 }>)
            }
            Self::Entry(_) => Property::sometimes("done", is::<{ StateKind::Done as u8 }>),
            Self::Resumed => Property::sometimes("resumed", |_, state: &State| {
                let lock = state.lock;
                let first = u8::try_from(state.agents.len()).unwrap_or_default();
                lock.is_some_and(|it| it.process > first)
            }),
            Self::RolledBack => Property::sometimes("rolled back", |_, state: &State| {
                let mut releases = state.releases.iter();
                releases.any(|it| it.is_back && it.phase.is_success())
            }),
            Self::TakenOver => Property::sometimes("taken over", |_, state: &State| {
                let mut releases = state.releases.iter();
                releases.any(|it| it.entry.is_some() && it.driven_last_by == Person::Operator)
            }),
            Self::Retried => Property::sometimes("released again", |_, state: &State| {
                state.queue.iter().any(|entry| {
                    let of_entry = state.releases.iter();
                    let of_entry = of_entry.filter(|it| it.entry.as_ref() == Some(&entry.id));
                    of_entry.filter(|it| it.phase != Phase::Open).count() > 1
                })
            }),
        }
    }
}
