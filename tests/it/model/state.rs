//! The state of the model: a world, and what each operator does in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use greenroom::history::Outcome;
use greenroom::release::{Plan, Progress, RepairPlan};

use super::calls::{Doing, Sent, Who};
use super::driver::Driver;
use super::never::Violations;
use super::others::Others;
use super::planning::mark;
use super::repairer::Repairer;
use super::scope::{Budget, Scope};
use super::side::Side;
use super::store::Store;

/// How a release ended for its driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// It was not started: the lock was taken, or the world had changed.
    Refused,
    Done,
    BackedOut,
    Left,
    NeedsPerson,
    Superseded,
    /// It must not drive any longer.
    Parked,
    Crashed,
    /// A repair has removed all of its differences.
    Repaired,
    /// A repair has done its actions, and something still differs.
    Remains,
    /// An action of a repair failed.
    Failed,
    /// An operator stopped a repair.
    Stopped,
}

impl End {
    pub(crate) fn of(progress: &Progress) -> Option<Self> {
        match progress {
            Progress::Parked { .. } => Some(Self::Parked),
            Progress::Closed(outcome) => Some(match outcome {
                Outcome::Done => Self::Done,
                Outcome::Superseded { .. } => Self::Superseded,
                Outcome::BackedOut { .. } => Self::BackedOut,
                Outcome::Left { .. } => Self::Left,
                Outcome::NeedsPerson { .. } => Self::NeedsPerson,
            }),
            _ => None,
        }
    }
}

/// What an operator is doing.
#[derive(Debug, Clone)]
pub(crate) enum Seat<S: Side> {
    Waiting,
    Planned(Arc<Plan>),
    Driving(Arc<Driver<S>>),
    /// The repair is planned and approved.
    ToRepair(Arc<RepairPlan>),
    Repairing(Arc<Repairer>),
    Over(End),
}

impl<S: Side> Hash for Seat<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Waiting => 0_u8.hash(state),
            Self::Planned(plan) => (1_u8, mark(plan)).hash(state),
            Self::Driving(driver) => (2_u8, driver).hash(state),
            Self::Over(end) => (3_u8, end).hash(state),
            Self::ToRepair(plan) => (4_u8, plan.only_actions(), plan.made_at).hash(state),
            Self::Repairing(repairer) => (5_u8, repairer).hash(state),
        }
    }
}

/// An act that continues without its driver.
#[derive(Debug, Clone)]
pub(crate) struct Late {
    pub(crate) by: usize,
    pub(crate) token: i64,
    /// The plan of a release; none for an act of a repair.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) doing: Doing,
    /// Whether its next call is under way.
    pub(crate) sent: Sent,
    /// Whether a process still exists that makes the calls after that.
    pub(crate) continues: bool,
    /// Whether its driver exists and knows that the act may still happen.
    pub(crate) is_feared: bool,
}

impl Late {
    pub(crate) fn who(&self) -> Who<'_> {
        Who {
            by: self.by,
            token: self.token,
            plan: self.plan.as_deref(),
        }
    }
}

impl Hash for Late {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.by, self.token, self.is_feared).hash(state);
        (self.sent, self.continues).hash(state);
        self.plan.as_deref().map(mark).hash(state);
        self.doing.hash(state);
    }
}

/// What every target has, and a side.
#[derive(Debug, Clone, Hash)]
pub(crate) struct World<S> {
    pub(crate) hour: u8,
    pub(crate) store: Store,
    pub(crate) late: Vec<Late>,
    pub(crate) others: Others,
    pub(crate) violations: Violations,
    pub(crate) side: S,
}

impl<S: Side> World<S> {
    fn new(scope: &Scope<S>) -> Self {
        Self {
            hour: 0,
            store: Store::default(),
            late: Vec::new(),
            others: Others::default(),
            violations: Violations::default(),
            side: S::start(scope),
        }
    }

    /// Whether an act of this operator is under way that its driver considers ended.
    pub(crate) fn is_at_it(&self, operator: usize) -> bool {
        let mut late = self.late.iter();
        late.any(|late| late.by == operator && !late.is_feared)
    }

    /// Notes what is broken at this moment, after any turn.
    pub(crate) fn hold(&mut self) {
        if let Some(violation) = self.side.broken() {
            self.violations.add(violation);
        }
    }
}

#[derive(Debug, Clone, Hash)]
#[expect(
    clippy::derived_hash_with_manual_eq,
    reason = "the checker compares states by hash"
)]
pub(crate) struct State<S: Side> {
    pub(crate) world: World<S>,
    pub(crate) seats: Vec<Seat<S>>,
    pub(crate) left: Budget,
}

impl<S: Side> State<S> {
    pub(crate) fn first(scope: &Scope<S>) -> Self {
        Self {
            world: World::new(scope),
            seats: vec![Seat::Waiting; scope.wants.len()],
            left: scope.budget,
        }
    }

    /// Whether an operator has a release or a repair under way.
    pub(crate) fn is_busy(&self, by: usize) -> bool {
        matches!(self.seats[by], Seat::Driving(_) | Seat::Repairing(_))
    }

    pub(crate) fn ended(&self, by: usize, end: End) -> bool {
        matches!(self.seats[by], Seat::Over(ended) if ended == end)
    }
}

impl<S: Side> State<S> {
    pub(crate) fn any_ended(&self, end: End) -> bool {
        (0..self.seats.len()).any(|by| self.ended(by, end))
    }
}

impl<S: Side> PartialEq for State<S> {
    fn eq(&self, other: &Self) -> bool {
        let of = |state: &Self| {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            hasher.finish()
        };
        of(self) == of(other)
    }
}
