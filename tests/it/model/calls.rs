//! Acts as sequences of calls, in the order of `release::driver::perform`. Between any two calls
//! the driver may die and another may take over. Before each call of the engine, which compares no
//! token, the lock is checked. A call under way has passed that check and may happen at any time.

use greenroom::adapters::live_pointer::Admission;
use greenroom::history::{Direction, ReleaseKind};
use greenroom::inventory::{FencingToken, InstanceId, Slot, SwitchOrder};
use greenroom::ports::FailureKind;
use greenroom::release::{Act, ActionErrorKind, Before, Move, Plan, Stage};

use super::engine::{Running, index};
use super::flaws::Flaw;
use super::names::{is_digest, letter};
use super::never::Violation;
use super::scope::Scope;
use super::state::World;
use super::store::{Entered, Route};

/// An act under way: which call comes next, and which instance it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Doing {
    pub(crate) act: Act,
    pub(crate) stage: Stage,
    pub(crate) next: u8,
    held: Option<u8>,
}

impl Doing {
    pub(crate) fn new(act: Act, stage: Stage, world: &World) -> Self {
        let number = |id: &InstanceId| id.0.parse().ok();
        let held = match &act {
            Act::Retire(_, Some(id)) | Act::Remove(_, id) => number(id),
            Act::Reinstate(slot, _) => world.engine[index(*slot)].map(|it| it.id),
            _ => None,
        };
        Self {
            act,
            stage,
            next: 0,
            held,
        }
    }

    /// The instance that the next call stops.
    fn stops(&self) -> Option<u8> {
        let is_stop = match &self.act {
            Act::Start | Act::Retire(..) => self.next == 1,
            Act::Remove(..) | Act::Reinstate(_, Before::Stop) => self.next == 0,
            _ => false,
        };
        self.held.filter(|_| is_stop)
    }

    /// Whether the next call is one of the engine, which compares no token.
    fn is_of_engine(&self) -> bool {
        match &self.act {
            Act::Remove(..) => true,
            Act::Start | Act::Retire(..) => self.next > 0,
            Act::Reinstate(..) => self.next < 2,
            _ => false,
        }
    }

    fn continues(&mut self) -> Called {
        self.next += 1;
        Called::Going
    }
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
const DONE: Call = Ok(Called::Ended(Ok(())));

/// Makes the next call of an act.
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
    let mut hand = Hand { world, scope, who };
    let called = match doing.act.clone() {
        Act::Pull | Act::Install => DONE,
        Act::Start => hand.start(doing),
        Act::Register => hand.register(who.plan.slot),
        Act::Switch(movement) => hand.switch(doing, &movement),
        Act::Deregister(slot) => hand.deregister(slot).map(|()| Called::Ended(Ok(()))),
        Act::Retire(slot, _) => hand.retire(doing, slot),
        Act::Reinstate(slot, before) => hand.reinstate(doing, slot, before),
        Act::Remove(..) => Ok(hand.remove(doing, 0)),
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
                late.doing.next += 1;
                late.sent = Sent::Now;
            }
            !is_over || late.continues
        });
    }
}

fn action_error(kind: FailureKind) -> ActionErrorKind {
    match kind {
        FailureKind::Fenced => ActionErrorKind::Fenced,
        kind if kind.may_be_temporary() => ActionErrorKind::Passing,
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

    fn start(&mut self, doing: &mut Doing) -> Call {
        let slot = self.who.plan.slot;
        match (doing.next, self.in_slot(slot)) {
            (0, Some(running)) if running.release != self.who.number => {
                let leftover = self.who.plan.leftover.as_ref();
                if leftover.is_none_or(|it| it.id.0 != running.id.to_string()) {
                    return Err(FailureKind::Conflict);
                }
                self.deregister(slot)?;
                doing.held = Some(running.id);
                Ok(doing.continues())
            }
            (1, _) => {
                self.stop(doing.held);
                Ok(doing.continues())
            }
            (2, _) => {
                self.discard(doing.held);
                Ok(doing.continues())
            }
            (_, Some(running)) if running.release != self.who.number => Err(FailureKind::Conflict),
            (_, Some(_)) => {
                self.up(slot);
                DONE
            }
            (_, None) => {
                let letter = letter(&self.who.plan.version.digest);
                self.world.engine[index(slot)] = Some(Running::started(self.who.number, letter));
                DONE
            }
        }
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

    fn register(&mut self, slot: Slot) -> Call {
        let running = self.in_slot(slot).ok_or(FailureKind::Missing)?;
        self.world.store.compare(self.scope, self.who.token)?;
        self.wrote();
        self.world.store.slots[index(slot)] = Some(Entered {
            digest: running.digest,
            release: self.who.number,
            token: self.who.token,
        });
        DONE
    }

    fn deregister(&mut self, slot: Slot) -> Result<(), FailureKind> {
        let store = &mut self.world.store;
        store.deregister(self.scope, slot, self.who.token)?;
        self.wrote();
        Ok(())
    }

    fn retire(&mut self, doing: &mut Doing, slot: Slot) -> Call {
        if doing.next == 0 {
            self.deregister(slot)?;
            return Ok(match doing.held {
                Some(_) => doing.continues(),
                None => Called::Ended(Ok(())),
            });
        }
        if self.who.plan.kind == ReleaseKind::Promote {
            self.stop(doing.held);
            return DONE;
        }
        Ok(self.remove(doing, 1))
    }

    fn reinstate(&mut self, doing: &mut Doing, slot: Slot, before: Before) -> Call {
        let running = self.in_slot(slot).ok_or(FailureKind::Missing)?;
        let is_first = doing.next == 0;
        if is_first && before == Before::Stop && !self.scope.has(Flaw::StartedOverAStop) {
            self.stop(doing.held);
            return Ok(doing.continues());
        }
        if doing.next == 2 || running.up {
            return self.register(slot);
        }
        self.up(slot);
        doing.next = 2;
        Ok(Called::Going)
    }

    /// Stops and removes, starting at this call of the act.
    fn remove(&mut self, doing: &mut Doing, from: u8) -> Called {
        if doing.next == from {
            self.stop(doing.held);
            return doing.continues();
        }
        self.discard(doing.held);
        Called::Ended(Ok(()))
    }

    fn switch(&mut self, doing: &mut Doing, movement: &Move) -> Call {
        let order = SwitchOrder {
            from: movement.proxy_from,
            to: movement.to,
            generation: movement.generation,
            token: FencingToken(self.who.token),
        };
        let takes_any = self.scope.has(Flaw::ProxyTakesAnyToken);
        match doing.next {
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
                self.swap(movement, doing.stage.direction)?;
                Ok(doing.continues())
            }
            2 => {
                let highest = self.world.proxy.highest();
                if self.world.proxy.prepare(&order, takes_any)? == Admission::Done {
                    return DONE;
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
                DONE
            }
        }
    }

    fn held_against(&mut self, highest: i64) {
        if self.who.token < highest {
            self.world.violations.add(Violation::Overtaken);
        }
    }

    fn swap(&mut self, movement: &Move, direction: Direction) -> Result<(), FailureKind> {
        let plan = self.who.plan;
        let version = match &plan.from {
            Some(from) if movement.to != plan.slot => &from.version,
            _ => &plan.version,
        };
        let to = Route {
            generation: movement.generation,
            live: movement.to,
            digest: letter(&version.digest),
            release: self.who.number,
            token: self.who.token,
        };
        let before = self.world.store.route;
        let is_promote = direction == Direction::Forward && plan.kind == ReleaseKind::Promote;
        let needed = !is_promote || self.is_as_seen(movement);
        let from = movement.route_from;
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
        if was != movement.route_from || !(is_same || is_newer) {
            self.world.violations.add(Violation::Toggled);
        }
        self.routed(movement.to);
        let runs_another = self
            .in_slot(movement.to)
            .is_some_and(|it| !it.hurt && !is_digest(&plan.version.digest, it.digest));
        if direction == Direction::Forward && runs_another {
            self.world.violations.add(Violation::Unchecked);
        }
        Ok(())
    }

    /// Whether hold and approvals are the ones of the decision.
    fn is_as_seen(&self, movement: &Move) -> bool {
        let mut peer_approvals = movement.peer_approvals.iter();
        self.world.hold_seen() == movement.hold
            && peer_approvals.all(|one| self.world.is_given(one))
    }

    fn routed(&mut self, to: Slot) {
        if !self.world.can_answer(to) {
            self.world.violations.add(Violation::RoutedToNothing);
        }
    }
}
