//! Violations of the interlocks, as the checker's properties. A world records the violations in it;
//! the checker asks after every turn.

use stateright::Property;

use super::scope::Scope;
use super::side::Side;
use super::state::{End, State};

/// A broken interlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Violation {
    /// 1: a slot with traffic was stopped, removed or replaced.
    TouchedLive = 1,
    /// 2: traffic went to a slot that is missing, unhealthy or not registered.
    RoutedToNothing = 2,
    /// 3: a switch without a fresh observation, or to an unchecked version.
    Unchecked = 3,
    /// 4: a write without the lock, or with an older token.
    Overtaken = 4,
    /// 5: a switch from another value than it named.
    Toggled = 5,
    /// 6: an act that was not recorded, or after one that was not observed.
    Blindly = 6,
    /// 8: two acts under way at once, or an undo during the act.
    Overlapped = 8,
    /// 9: an act under the approval of another plan, or an old one.
    WrongApproval = 9,
    /// 10: a protected environment continued without an approval.
    Unasked = 10,
    /// The release waits for nothing and no operator.
    Stuck = 11,
    /// It cannot end forward, although nothing more fails.
    NoWayOn = 12,
    /// It cannot end backwards, although nothing more fails.
    NoWayBack = 13,
    /// A promote moved traffic during a hold.
    Held = 14,
    /// Traffic moved without another operator's approval.
    NoPeerApproval = 15,
    /// 11: a command of a task was started twice.
    RanTwice = 16,
    /// A task was undone that never ran.
    UndoneUnrun = 17,
    /// A release is done, and a required task has not run exactly once, with 0.
    TaskNotRun = 18,
    /// 11: a command was started whose earlier container is lost.
    RanThoughLost = 19,
    /// A release is backed out, and a task that ran is not undone.
    TaskNotUndone = 20,
    /// 12: two members of an exclusive service were up at once.
    TwoAtOnce = 21,
    /// Repairs do not end, although nothing more fails, or something remains to be repaired after each of them.
    NeverRepaired = 0,
}

/// The interlocks that were broken in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Violations(u32);

impl Violations {
    pub(crate) fn add(&mut self, violation: Violation) {
        self.0 |= 1 << violation as u8;
    }

    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }
}

fn never<S: Side, const VIOLATION: u8>(_: &Scope<S>, state: &State<S>) -> bool {
    state.world.violations.0 & (1 << VIOLATION) == 0
}

/// All interlocks as one property. The checker looks up every property by its name in every state, so one property is
/// much faster than [`each`].
pub(crate) fn any<S: Side>() -> Property<Scope<S>> {
    Property::always(INTERLOCKS, |_, state: &State<S>| {
        !state.world.violations.any()
    })
}

/// The names of the interlocks that were broken in a state.
pub(crate) fn broken<S: Side>(scope: &Scope<S>, state: &State<S>) -> Vec<&'static str> {
    let mut all = each();
    all.retain(|one| !(one.condition)(scope, state));
    all.into_iter().map(|one| one.name).collect()
}

/// The interlocks, by the names that tests use.
pub(crate) fn each<S: Side>() -> Vec<Property<Scope<S>>> {
    vec![
        Property::always(TOUCHED_LIVE, never::<S, { Violation::TouchedLive as u8 }>),
        Property::always(
            ROUTED_TO_NOTHING,
            never::<S, { Violation::RoutedToNothing as u8 }>,
        ),
        Property::always(UNCHECKED, never::<S, { Violation::Unchecked as u8 }>),
        Property::always(OVERTAKEN, never::<S, { Violation::Overtaken as u8 }>),
        Property::always(TOGGLED, never::<S, { Violation::Toggled as u8 }>),
        Property::always(BLINDLY, never::<S, { Violation::Blindly as u8 }>),
        Property::always(OVERLAPPED, never::<S, { Violation::Overlapped as u8 }>),
        Property::always(
            WRONG_APPROVAL,
            never::<S, { Violation::WrongApproval as u8 }>,
        ),
        Property::always(UNASKED, never::<S, { Violation::Unasked as u8 }>),
        Property::always(HELD, never::<S, { Violation::Held as u8 }>),
        Property::always(
            NO_PEER_APPROVAL,
            never::<S, { Violation::NoPeerApproval as u8 }>,
        ),
        Property::always(RAN_TWICE, never::<S, { Violation::RanTwice as u8 }>),
        Property::always(UNDONE_UNRUN, never::<S, { Violation::UndoneUnrun as u8 }>),
        Property::always(TASK_NOT_RUN, never::<S, { Violation::TaskNotRun as u8 }>),
        Property::always(
            RAN_THOUGH_LOST,
            never::<S, { Violation::RanThoughLost as u8 }>,
        ),
        Property::always(
            TASK_NOT_UNDONE,
            never::<S, { Violation::TaskNotUndone as u8 }>,
        ),
        Property::always(TWO_AT_ONCE, never::<S, { Violation::TwoAtOnce as u8 }>),
        Property::always(STUCK, never::<S, { Violation::Stuck as u8 }>),
        Property::always(A_WAY_ON, never::<S, { Violation::NoWayOn as u8 }>),
        Property::always(A_WAY_BACK, never::<S, { Violation::NoWayBack as u8 }>),
        Property::always(
            A_WAY_TO_REPAIR,
            never::<S, { Violation::NeverRepaired as u8 }>,
        ),
    ]
}

const INTERLOCKS: &str = "all interlocks hold";
pub(crate) const TOUCHED_LIVE: &str = "1: what has traffic is left alone";
pub(crate) const ROUTED_TO_NOTHING: &str = "2: traffic goes to what is healthy and registered";
pub(crate) const UNCHECKED: &str = "3: what is switched to was seen healthy and checked";
pub(crate) const OVERTAKEN: &str = "4: who lost the lock changes nothing";
pub(crate) const TOGGLED: &str = "5: a switch goes from what it says to what it says";
pub(crate) const BLINDLY: &str = "6: nothing is done unwritten, or repeated unseen";
pub(crate) const OVERLAPPED: &str = "8: one thing at a time, and undone after it was done";
pub(crate) const WRONG_APPROVAL: &str = "9: an approval is of one plan and expires";
pub(crate) const UNASKED: &str = "10: a protected environment asks";
pub(crate) const HELD: &str = "what is held is not promoted";
pub(crate) const NO_PEER_APPROVAL: &str = "what others have to approve they approve";
pub(crate) const RAN_TWICE: &str = "11: a command of a task runs at most once per release";
pub(crate) const UNDONE_UNRUN: &str = "a task that never ran is not undone";
pub(crate) const TASK_NOT_RUN: &str =
    "a release that is done has run every required task once, with 0";
pub(crate) const RAN_THOUGH_LOST: &str = "11: a begun command whose container is gone is never run";
pub(crate) const TASK_NOT_UNDONE: &str = "a release that is backed out has undone what ran";
pub(crate) const TWO_AT_ONCE: &str = "12: two of an exclusive service never run at once";
pub(crate) const STUCK: &str = "it always goes on, or asks";
pub(crate) const A_WAY_ON: &str = "there is a way on";
pub(crate) const A_WAY_BACK: &str = "there is a way back";
pub(crate) const A_WAY_TO_REPAIR: &str = "repairs end, and nothing to repair is left";

/// An end that must be reachable, or the run has tested nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Done,
    BackedOut,
    Left,
    Parked,
    SecondDone,
    SecondBackedOut,
    SecondRefused,
    /// A repair ended this way.
    Repaired,
    RepairFailed,
    RepairStopped,
    /// A repair is done, and the release of the first operator too.
    RepairedAndDone,
    /// The second is done while the first still held the lock for its standby.
    EndedBySecond,
}

impl Reach {
    pub(crate) fn property<S: Side>(self) -> Property<Scope<S>> {
        match self {
            Self::Done => Property::sometimes("done", |_, it: &State<S>| it.ended(0, End::Done)),
            Self::BackedOut => {
                Property::sometimes("backed out", |_, it: &State<S>| it.ended(0, End::BackedOut))
            }
            Self::Left => Property::sometimes("left", |_, it: &State<S>| it.ended(0, End::Left)),
            Self::Parked => {
                Property::sometimes("parked", |_, it: &State<S>| it.ended(0, End::Parked))
            }
            Self::SecondDone => Property::sometimes("done by the second", |_, it: &State<S>| {
                it.ended(1, End::Done)
            }),
            Self::SecondBackedOut => {
                Property::sometimes("backed out by the second", |_, it: &State<S>| {
                    it.ended(1, End::BackedOut)
                })
            }
            Self::Repaired => {
                Property::sometimes("repaired", |_, it: &State<S>| it.any_ended(End::Repaired))
            }
            Self::RepairFailed => Property::sometimes("a repair failed", |_, it: &State<S>| {
                it.any_ended(End::Failed)
            }),
            Self::RepairStopped => Property::sometimes("a repair stopped", |_, it: &State<S>| {
                it.any_ended(End::Stopped)
            }),
            Self::RepairedAndDone => {
                Property::sometimes("repaired and done", |_, it: &State<S>| {
                    it.any_ended(End::Repaired) && it.ended(0, End::Done)
                })
            }
            Self::EndedBySecond => {
                Property::sometimes("ended by the second", |_, it: &State<S>| {
                    it.ended(1, End::Done) && it.ended(0, End::Parked)
                })
            }
            Self::SecondRefused => {
                Property::sometimes("refused to the second", |_, it: &State<S>| {
                    it.ended(1, End::Refused)
                })
            }
        }
    }
}
