//! The state of the model: a world, and what each operator does in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use greenroom::history::Outcome;
use greenroom::inventory::Slot;
use greenroom::release::{Plan, Progress};

use super::calls::{Doing, Sent, Who};
use super::driver::Driver;
use super::engine::{BEFORE, Running, index};
use super::journal::Journal;
use super::names::{LIVE, OLDER};
use super::never::{Violation, Violations};
use super::others::Others;
use super::planning::mark;
use super::proxy::Proxy;
use super::scope::{Budget, ByHand, Scope};
use super::store::{Entered, Route, Store};

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
pub(crate) enum Seat {
    Waiting,
    Planned(Arc<Plan>),
    Driving(Arc<Driver>),
    Over(End),
}

impl Hash for Seat {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Waiting => 0_u8.hash(state),
            Self::Planned(plan) => (1_u8, mark(plan)).hash(state),
            Self::Driving(driver) => (2_u8, driver).hash(state),
            Self::Over(end) => (3_u8, end).hash(state),
        }
    }
}

/// An act that continues without its driver.
#[derive(Debug, Clone)]
pub(crate) struct Late {
    pub(crate) by: usize,
    pub(crate) number: u8,
    pub(crate) token: i64,
    pub(crate) plan: Arc<Plan>,
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
            number: self.number,
            token: self.token,
            plan: &self.plan,
        }
    }
}

impl Hash for Late {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.by, self.number, self.token, self.is_feared).hash(state);
        (self.sent, self.continues).hash(state);
        mark(&self.plan).hash(state);
        self.doing.hash(state);
    }
}

#[derive(Debug, Clone, Hash)]
pub(crate) struct World {
    pub(crate) hour: u8,
    pub(crate) engine: [Option<Running>; 2],
    pub(crate) store: Store,
    pub(crate) proxy: Proxy,
    pub(crate) late: Vec<Late>,
    pub(crate) others: Others,
    pub(crate) violations: Violations,
}

impl World {
    /// `a` is live in blue, as the 41st generation.
    fn new(scope: &Scope) -> Self {
        let entered = |digest| {
            Some(Entered {
                digest,
                release: BEFORE,
                token: 0,
            })
        };
        let route = Route {
            generation: 41,
            live: Slot::Blue,
            digest: LIVE,
            release: BEFORE,
            token: 0,
        };
        let mut world = Self {
            hour: 0,
            engine: [Some(Running::started(BEFORE, LIVE)), None],
            store: Store {
                route: Some(route),
                slots: [entered(LIVE), None],
                lock: None,
                granted: 0,
                journals: [Journal::default(), Journal::default()],
            },
            proxy: Proxy::at(41, Slot::Blue),
            late: Vec::new(),
            others: Others::default(),
            violations: Violations::default(),
        };
        if scope.leftover {
            world.engine[1] = Some(Running {
                id: 50,
                ..Running::started(BEFORE, OLDER)
            });
            world.store.slots[1] = entered(OLDER);
        }
        world
    }

    pub(crate) fn has_traffic(&self, slot: Slot) -> bool {
        let by_route = self.store.route.is_some_and(|route| route.live == slot);
        by_route || self.proxy.link == Some(slot)
    }

    /// Whether a slot is registered and answers, or would without events from outside.
    pub(crate) fn can_answer(&self, slot: Slot) -> bool {
        let runs = self.engine[index(slot)].is_some_and(|it| it.hurt || it.is_healthy());
        runs && self.store.slots[index(slot)].is_some()
    }

    /// Whether an act of this operator is under way that its driver considers ended.
    pub(crate) fn is_at_it(&self, operator: usize) -> bool {
        let mut late = self.late.iter();
        late.any(|late| late.by == operator && !late.is_feared)
    }

    /// At every moment and after any act, traffic goes to a slot that can answer.
    pub(crate) fn hold(&mut self) {
        let live = self.store.route.map(|route| route.live);
        for slot in [live, self.proxy.link].into_iter().flatten() {
            if !self.can_answer(slot) {
                self.violations.add(Violation::RoutedToNothing);
            }
        }
    }
}

#[derive(Debug, Clone, Hash)]
#[expect(
    clippy::derived_hash_with_manual_eq,
    reason = "the checker compares states by hash"
)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) seats: [Seat; 2],
    pub(crate) left: Budget,
    pub(crate) meddled: bool,
}

impl State {
    pub(crate) fn first(scope: &Scope) -> Self {
        Self {
            world: World::new(scope),
            seats: [Seat::Waiting, Seat::Waiting],
            left: scope.budget,
            meddled: scope.by_hand == ByHand::Never,
        }
    }

    pub(crate) fn ended(&self, by: usize, end: End) -> bool {
        matches!(self.seats[by], Seat::Over(ended) if ended == end)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let of = |state: &Self| {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            hasher.finish()
        };
        of(self) == of(other)
    }
}
