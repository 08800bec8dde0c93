//! Actions as sequences of calls, in the order of `release::driver::perform`. Between any two calls
//! the driver may die and another may take over. Before each call of the engine, which compares no
//! token, the lock is checked. A call under way has passed that check and may happen at any time.

use greenroom::adapters::live_pointer::Admission;
use greenroom::inventory::SwitchOrder;
use greenroom::inventory::{Digest, FencingToken, Hold, InstanceId, PeerApproval, Slot, Version};
use greenroom::ports::FailureKind;
use greenroom::release::{
    Action, ActionErrorKind, Move, Plan, Purpose, Rewrite, RouteBefore, Stage,
};

use super::engine::{Running, index};
use super::flaws::Flaw;
use super::names::{is_digest, letter};
use super::never::Violation;
use super::scope::Scope;
use super::state::World;
use super::store::{Entered, Route};

/// The actions under way, and which call of which action comes next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Doing {
    pub(crate) actions: Vec<Action>,
    pub(crate) stage: Stage,
    at: usize,
    call: u8,
}

impl Doing {
    pub(crate) fn new(actions: Vec<Action>, stage: Stage) -> Self {
        Self {
            actions,
            stage,
            at: 0,
            call: 0,
        }
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

    /// The instance that the next call stops.
    fn stops(&self) -> Option<u8> {
        match self.action() {
            Some(Action::Stop { instance, .. }) => number(instance),
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
            | Action::Remove { .. } => true,
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
    fn continues(&mut self) -> Called {
        self.call += 1;
        Called::Going
    }

    /// The action is done.
    fn done(&mut self) -> Called {
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
fn number(id: &InstanceId) -> Option<u8> {
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
    pub(crate) number: u8,
    pub(crate) token: i64,
    pub(crate) plan: &'a Plan,
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    /// More calls follow.
    Going,
    /// It was the last one.
    Ended(Result<(), ActionErrorKind>),
}

type Call = Result<Called, FailureKind>;

/// Makes the next call.
pub(crate) fn call(
    world: &mut World,
    scope: &Scope,
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
    let starts_over_a_stop = scope.has(Flaw::StartedOverAStop)
        && matches!(doing.actions.get(doing.at + 1), Some(Action::Start { .. }));
    let mut hand = Hand { world, scope, who };
    let called = match action {
        Action::Switch(movement) => hand.switch(doing, &movement),
        Action::Stop { .. } if starts_over_a_stop => Ok(doing.done()),
        action => hand.make(&action).map(|()| doing.done()),
    };
    called.unwrap_or_else(|kind| Called::Ended(Err(action_error(kind))))
}

impl World {
    /// When the engine answers that an instance is stopped, it has completed earlier requests about
    /// it: a stop that was under way ends with it.
    fn hear_out(&mut self, stopped: Option<u8>) {
        self.late.retain_mut(|late| {
            let stops = late.doing.stops();
            let is_over = late.sent == Sent::Before && stops.is_some() && stops == stopped;
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

struct Hand<'a, 'b> {
    world: &'a mut World,
    scope: &'a Scope,
    who: Who<'b>,
}

impl Hand<'_, '_> {
    /// A write that was accepted must come from the lock's holder, or the fence is broken.
    fn wrote(&mut self) {
        if !self.world.store.is_held_by(self.who.by) {
            self.world.violations.add(Violation::Overtaken);
        }
    }

    fn in_slot(&self, slot: Slot) -> Option<Running> {
        self.world.engine[index(slot)]
    }

    /// Makes the only call of an action.
    fn make(&mut self, action: &Action) -> Result<(), FailureKind> {
        match action {
            Action::Pull(_) | Action::Install => {}
            Action::Create { slot, version, .. } => self.create(*slot, version)?,
            Action::Start { slot, .. } => {
                self.in_slot(*slot).ok_or(FailureKind::Missing)?;
                self.up(*slot);
            }
            Action::Register { slot, digest, .. } => self.register(*slot, digest)?,
            Action::Deregister(slot) => self.deregister(*slot)?,
            Action::Stop { instance, .. } => self.stop(number(instance)),
            Action::Remove { instance, .. } => self.discard(number(instance)),
            Action::Route(_) | Action::Rebase { .. } | Action::Switch(_) => {
                panic!("no call of a release: {action:?}")
            }
        }
        Ok(())
    }

    fn create(&mut self, slot: Slot, version: &Version) -> Result<(), FailureKind> {
        match self.in_slot(slot) {
            Some(running) if running.release != self.who.number => {
                return Err(FailureKind::Conflict);
            }
            Some(_) => self.up(slot),
            None => {
                let letter = letter(&version.digest);
                self.world.engine[index(slot)] = Some(Running::started(self.who.number, letter));
            }
        }
        Ok(())
    }

    fn up(&mut self, slot: Slot) {
        if let Some(running) = &mut self.world.engine[index(slot)] {
            running.up = true;
        }
    }

    fn stop(&mut self, id: Option<u8>) {
        self.world.hear_out(id);
        self.end(id, |running| {
            running.map(|running| Running {
                up: false,
                ..running
            })
        });
    }

    /// The engine does not remove a running instance.
    fn discard(&mut self, id: Option<u8>) {
        self.end(id, |running| running.filter(|it| it.up));
    }

    /// An instance is identified by its number, in whichever slot it is.
    fn end(&mut self, id: Option<u8>, how: impl Fn(Option<Running>) -> Option<Running>) {
        for slot in Slot::BOTH {
            let occupant = self.in_slot(slot);
            let left = how(occupant);
            if occupant.is_some_and(|it| Some(it.id) == id) && left != occupant {
                // Without a route nothing says that the other slot has the traffic.
                if self.world.has_traffic(slot) || self.world.store.route.is_none() {
                    self.world.violations.add(Violation::TouchedLive);
                }
                self.world.engine[index(slot)] = left;
            }
        }
    }

    fn register(&mut self, slot: Slot, digest: &Digest) -> Result<(), FailureKind> {
        let running = self.in_slot(slot).ok_or(FailureKind::Missing)?;
        if !is_digest(digest, running.digest) {
            return Err(FailureKind::Changed);
        }
        self.world.store.compare(self.scope, self.who.token)?;
        self.wrote();
        self.world.store.slots[index(slot)] = Some(Entered {
            digest: running.digest,
            release: self.who.number,
            token: self.who.token,
        });
        Ok(())
    }

    fn deregister(&mut self, slot: Slot) -> Result<(), FailureKind> {
        let store = &mut self.world.store;
        store.deregister(self.scope, slot, self.who.token)?;
        self.wrote();
        Ok(())
    }

    fn switch(&mut self, doing: &mut Doing, movement: &Move) -> Call {
        let order = SwitchOrder {
            from: movement.from,
            to: movement.to,
            generation: movement.generation,
            token: FencingToken(self.who.token),
        };
        let takes_any = self.scope.has(Flaw::ProxyTakesAnyToken);
        match doing.call {
            0 | 2 if order.from == Some(order.to) && self.scope.has(Flaw::ProxyRefusesToStay) => {
                Err(FailureKind::Rejected)
            }
            0 => {
                let highest = self.world.proxy.highest();
                if self.world.proxy.make_ready(&order, takes_any)? {
                    self.held_against(highest);
                }
                Ok(doing.continues())
            }
            1 => {
                let rewrite = movement.route.as_ref().expect("a switch of a release");
                self.swap(rewrite)?;
                Ok(doing.continues())
            }
            2 => {
                let highest = self.world.proxy.highest();
                if self.world.proxy.prepare(&order, takes_any)? == Admission::Done {
                    return Ok(doing.done());
                }
                self.held_against(highest);
                Ok(doing.continues())
            }
            _ => {
                let highest = self.world.proxy.highest();
                let before = self.world.proxy.link;
                self.world.proxy.rename(&order, takes_any)?;
                self.held_against(highest);
                if before != order.from && before != Some(order.to) {
                    self.world.violations.add(Violation::Toggled);
                }
                self.routed(movement.to);
                Ok(doing.done())
            }
        }
    }

    fn held_against(&mut self, highest: i64) {
        if self.who.token < highest {
            self.world.violations.add(Violation::Overtaken);
        }
    }

    fn swap(&mut self, rewrite: &Rewrite) -> Result<(), FailureKind> {
        let to = Route {
            generation: rewrite.generation,
            live: rewrite.live,
            digest: letter(&rewrite.digest),
            release: self.who.number,
            token: self.who.token,
        };
        let from = match rewrite.from {
            RouteBefore::Missing => None,
            RouteBefore::Contains(generation, slot) => Some((generation, slot)),
            RouteBefore::Unreadable => panic!("every route can be read"),
        };
        let before = self.world.store.route;
        let (is_promote, needed) = match &rewrite.purpose {
            Purpose::Promote {
                hold,
                peer_approvals,
            } => (true, self.is_as_seen(hold.as_ref(), peer_approvals)),
            Purpose::Rollback(_) | Purpose::BackOut | Purpose::Repair => (false, true),
        };
        self.world.store.swap(self.scope, from, to, needed)?;
        if before == Some(to) {
            return Ok(());
        }
        self.wrote();
        if is_promote && self.world.is_held() {
            self.world.violations.add(Violation::Held);
        }
        if is_promote && !self.scope.others.is_empty() && !self.world.is_peer_approved() {
            self.world.violations.add(Violation::NoPeerApproval);
        }
        let was = before.map(|route| (route.generation, route.live));
        let is_same = was == Some((to.generation, to.live));
        let is_newer = was.is_none_or(|(older, _)| older < to.generation);
        if was != from || !(is_same || is_newer) {
            self.world.violations.add(Violation::Toggled);
        }
        self.routed(rewrite.live);
        let planned = &self.who.plan.version.digest;
        let runs_another = self
            .in_slot(rewrite.live)
            .is_some_and(|it| !it.hurt && !is_digest(planned, it.digest));
        if rewrite.live == self.who.plan.slot && runs_another {
            self.world.violations.add(Violation::Unchecked);
        }
        Ok(())
    }

    /// Whether hold and approvals are the ones of the decision.
    fn is_as_seen(&self, hold: Option<&Hold>, peer_approvals: &[PeerApproval]) -> bool {
        let mut peer_approvals = peer_approvals.iter();
        self.world.hold_seen().as_ref() == hold
            && peer_approvals.all(|one| self.world.is_given(one))
    }

    fn routed(&mut self, to: Slot) {
        if !self.world.can_answer(to) {
            self.world.violations.add(Violation::RoutedToNothing);
        }
    }
}
