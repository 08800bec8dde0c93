//! Actions as sequences of calls, in the order of `release::driver::perform`. Between any two calls
//! the driver may die and another may take over. Before each call of the engine, which compares no
//! token, the lock is checked. A call under way has passed that check and may happen at any time.

use greenroom::history::Direction;
use greenroom::inventory::InstanceId;
use greenroom::ports::FailureKind;
use greenroom::release::{Action, ActionErrorKind, Plan, Stage};

use super::flaws::Flaw;
use super::names::number_of;
use super::never::Violation;
use super::scope::Scope;
use super::side::Side;
use super::state::World;

/// The actions under way, and which call of which action comes next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Doing {
    pub(crate) actions: Vec<Action>,
    /// The stage of a release; none for an action of a repair.
    stage: Option<Stage>,
    at: usize,
    pub(crate) call: u8,
}

impl Doing {
    pub(crate) fn new(actions: Vec<Action>, stage: Option<Stage>) -> Self {
        Self {
            actions,
            stage,
            at: 0,
            call: 0,
        }
    }

    /// Whether these are the acts of a release on its way forward.
    pub(crate) fn is_forward(&self) -> bool {
        let direction = self.stage.map(|stage| stage.direction);
        direction == Some(Direction::Forward)
    }

    fn action(&self) -> Option<&Action> {
        self.actions.get(self.at)
    }

    /// Whether no call was made.
    pub(crate) fn is_new(&self) -> bool {
        (self.at, self.call) == (0, 0)
    }

    /// Whether the next call writes the route of a switch.
    pub(crate) fn is_about_to_swap(&self) -> bool {
        self.call == 1 && matches!(self.action(), Some(Action::Switch(_)))
    }

    pub(crate) fn next_action(&self) -> Option<&Action> {
        self.actions.get(self.at + 1)
    }

    pub(crate) fn is_creating_a_task(&self) -> bool {
        matches!(self.action(), Some(Action::CreateTask(_)))
    }

    /// The instance that the next call starts, stops or quiets. A container is created first, and its start is another call.
    fn is_about(&self) -> Option<u8> {
        match self.action() {
            Some(
                Action::Stop { instance, .. }
                | Action::Start { instance, .. }
                | Action::Quiet { instance, .. },
            ) => number(instance),
            Some(Action::Create { release, .. }) if self.call > 0 => Some(number_of(*release)),
            _ => None,
        }
    }

    /// Whether the next call is one of the engine, which compares no token.
    fn is_of_engine(&self) -> bool {
        let action = self.action();
        action.is_some_and(|action| match action {
            Action::Create { .. }
            | Action::Start { .. }
            | Action::Stop { .. }
            | Action::Quiet { .. }
            | Action::Remove { .. }
            | Action::StopTask(_) => true,
            // The later calls follow without another check.
            Action::CreateTask(_) | Action::StartTask(_) => self.call == 0,
            Action::Pull(_)
            | Action::Install
            | Action::Register { .. }
            | Action::Route(_)
            | Action::Switch(_)
            | Action::Rebase { .. }
            | Action::Deregister(_) => false,
        })
    }

    /// Another call of this action follows.
    pub(crate) fn continues(&mut self) -> Called {
        self.call += 1;
        Called::Going
    }

    /// The action is done.
    pub(crate) fn done(&mut self) -> Called {
        self.at += 1;
        self.call = 0;
        if self.at < self.actions.len() {
            Called::Going
        } else {
            Called::Ended(Ok(()))
        }
    }
}

/// The number of an instance.
pub(crate) fn number(id: &InstanceId) -> Option<u8> {
    id.0.parse().ok()
}

/// When a call was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sent {
    /// Now, if the sender still has the lock.
    Now,
    /// Some time ago; it is unknown whether it arrived.
    Before,
}

/// The acting driver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) by: usize,
    pub(crate) token: i64,
    /// The plan of a release; none for a repair.
    pub(crate) plan: Option<&'a Plan>,
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    /// More calls follow.
    Going,
    /// It was the last one.
    Ended(Result<(), ActionErrorKind>),
}

pub(crate) type Call = Result<Called, FailureKind>;

/// Makes the next call.
pub(crate) fn call<S: Side>(
    world: &mut World<S>,
    scope: &Scope<S>,
    who: Who<'_>,
    doing: &mut Doing,
    sent: Sent,
) -> Called {
    let asks = sent == Sent::Now && doing.is_of_engine() && !scope.has(Flaw::EngineAsksNobody);
    if asks && let Err(kind) = world.store.compare(scope, who.token) {
        return Called::Ended(Err(action_error(kind)));
    }
    let Some(action) = doing.action().cloned() else {
        return Called::Ended(Ok(()));
    };
    let mut hand = Hand { world, scope, who };
    let called = S::make(&mut hand, doing, &action);
    called.unwrap_or_else(|kind| Called::Ended(Err(action_error(kind))))
}

impl<S: Side> World<S> {
    /// When the engine answers that an instance is stopped, it has completed earlier requests about
    /// it: a start or stop that was under way ends before it.
    pub(crate) fn hear_out(&mut self, stopped: Option<u8>) {
        self.late.retain_mut(|late| {
            let about = late.doing.is_about();
            let is_over = late.sent == Sent::Before && about.is_some() && about == stopped;
            if is_over {
                late.doing.done();
                late.sent = Sent::Now;
            }
            !is_over || late.continues
        });
    }
}

fn action_error(kind: FailureKind) -> ActionErrorKind {
    match kind {
        FailureKind::Fenced => ActionErrorKind::Fenced,
        kind if kind.may_be_temporary() => ActionErrorKind::Temporary,
        _ => ActionErrorKind::Final,
    }
}

/// The acting driver, and what its call changes.
pub(crate) struct Hand<'a, 'b, S: Side> {
    pub(crate) world: &'a mut World<S>,
    pub(crate) scope: &'a Scope<S>,
    pub(crate) who: Who<'b>,
}

impl<S: Side> Hand<'_, '_, S> {
    /// A write that was accepted must come from the lock's holder, or the fence is broken.
    pub(crate) fn wrote(&mut self) {
        if !self.world.store.is_held_by(self.who.by) {
            self.world.violations.add(Violation::Overtaken);
        }
    }
}
