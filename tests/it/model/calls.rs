//! Acts as the calls they are made of, in the order of `release::driver::perform`: between any two
//! of them the driver may be gone, and somebody else there.

use greenroom::adapters::live_pointer::Admission;
use greenroom::history::{Direction, ReleaseKind};
use greenroom::inventory::{FencingToken, Slot, SwitchOrder};
use greenroom::ports::FailureKind;
use greenroom::release::{Act, MishapKind, Move, Plan, Stage};

use super::engine::{Running, index};
use super::flaws::Flaw;
use super::names::{is_digest, letter};
use super::never::Sin;
use super::scope::{Obeys, Scope};
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
    pub(crate) fn new(act: Act, stage: Stage) -> Self {
        Self {
            act,
            stage,
            next: 0,
            held: None,
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) by: usize,
    pub(crate) number: u8,
    pub(crate) token: i64,
    pub(crate) plan: &'a Plan,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    /// More calls follow.
    Going,
    /// It was the last one.
    Ended(Result<(), MishapKind>),
}

type Call = Result<Called, FailureKind>;
const DONE: Call = Ok(Called::Ended(Ok(())));

/// Makes the next call of an act; none when the engine does not hear it any more.
pub(crate) fn call(
    world: &mut World,
    scope: &Scope,
    who: Who<'_>,
    doing: &mut Doing,
) -> Option<Called> {
    let obeys = scope.engine == Obeys::Always
        || world.store.lock.is_some_and(|lock| lock.token == who.token);
    let mut hand = Hand { world, scope, who };
    let called = match doing.act.clone() {
        Act::Pull | Act::Install => DONE,
        Act::Switch(movement) => hand.switch(doing, movement),
        Act::Deregister(slot) => hand.deregister(slot).map(|()| Called::Ended(Ok(()))),
        Act::Retire(slot) if doing.next == 0 => hand.deregister(slot).map(|()| doing.goes_on()),
        Act::Reinstate(slot) if doing.next == 1 => hand.register(slot),
        Act::Register => hand.register(who.plan.slot),
        _ if !obeys => return None,
        Act::Start => hand.start(doing),
        Act::Retire(slot) => hand.retire(doing, slot),
        Act::Reinstate(slot) => hand.restart(doing, slot),
        Act::Remove(slot) => hand.remove(doing, slot),
    };
    Some(called.unwrap_or_else(|kind| Called::Ended(Err(mishap(kind)))))
}

fn mishap(kind: FailureKind) -> MishapKind {
    match kind {
        FailureKind::Fenced => MishapKind::Fenced,
        kind if kind.may_pass() => MishapKind::Passing,
        _ => MishapKind::Final,
    }
}

impl Doing {
    fn goes_on(&mut self) -> Called {
        self.next += 1;
        Called::Going
    }
}

struct Hand<'a, 'b> {
    world: &'a mut World,
    scope: &'a Scope,
    who: Who<'b>,
}

impl Hand<'_, '_> {
    /// A write that was let through is one of who holds the lock, or the fence is broken.
    fn wrote(&mut self) {
        if !self.world.store.is_held_by(self.who.by) {
            self.world.sins.add(Sin::Overtaken);
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
                Ok(doing.goes_on())
            }
            (1, _) => {
                self.stop(doing.held);
                Ok(doing.goes_on())
            }
            (2, _) => {
                self.discard(doing.held);
                Ok(doing.goes_on())
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
        self.end(id, |running| {
            running.map(|running| Running {
                up: false,
                ..running
            })
        });
    }

    fn discard(&mut self, id: Option<u8>) {
        self.end(id, |_| None);
    }

    /// An instance is known by its number, in whichever slot it is.
    fn end(&mut self, id: Option<u8>, how: impl Fn(Option<Running>) -> Option<Running>) {
        for slot in Slot::BOTH {
            let standing = self.in_slot(slot);
            if standing.is_some() && standing.map(|running| running.id) == id {
                if self.world.has_traffic(slot) {
                    self.world.sins.add(Sin::TouchedLive);
                }
                self.world.engine[index(slot)] = how(standing);
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
        let Some(running) = self.in_slot(slot) else {
            return DONE;
        };
        if doing.next == 1 {
            self.stop(Some(running.id));
            if self.who.plan.kind == ReleaseKind::Promote {
                return DONE;
            }
            doing.held = Some(running.id);
            return Ok(doing.goes_on());
        }
        self.discard(doing.held);
        DONE
    }

    fn restart(&mut self, doing: &mut Doing, slot: Slot) -> Call {
        let running = self.in_slot(slot).ok_or(FailureKind::Missing)?;
        if running.up {
            return self.register(slot);
        }
        self.up(slot);
        Ok(doing.goes_on())
    }

    fn remove(&mut self, doing: &mut Doing, slot: Slot) -> Call {
        if doing.next == 0 {
            let Some(running) = self.in_slot(slot) else {
                return DONE;
            };
            self.stop(Some(running.id));
            doing.held = Some(running.id);
            return Ok(doing.goes_on());
        }
        self.discard(doing.held);
        DONE
    }

    fn switch(&mut self, doing: &mut Doing, movement: Move) -> Call {
        let order = SwitchOrder {
            from: movement.proxy_from,
            to: movement.to,
            generation: movement.generation,
            token: FencingToken(self.who.token),
        };
        let takes_any = self.scope.has(Flaw::ProxyTakesAnyToken);
        match doing.next {
            0 => {
                self.swap(movement, doing.stage.direction)?;
                Ok(doing.goes_on())
            }
            1 if order.from == Some(order.to) && self.scope.has(Flaw::ProxyRefusesToStay) => {
                Err(FailureKind::Rejected)
            }
            1 => {
                let highest = self.world.proxy.highest();
                if self.world.proxy.prepare(&order, takes_any)? == Admission::Done {
                    return DONE;
                }
                self.held_against(highest);
                Ok(doing.goes_on())
            }
            _ => {
                let highest = self.world.proxy.highest();
                let before = self.world.proxy.link;
                self.world.proxy.rename(&order, takes_any)?;
                self.held_against(highest);
                if before != order.from && before != Some(order.to) {
                    self.world.sins.add(Sin::Toggled);
                }
                self.routed(movement.to);
                DONE
            }
        }
    }

    fn held_against(&mut self, highest: i64) {
        if self.who.token < highest {
            self.world.sins.add(Sin::Overtaken);
        }
    }

    fn swap(&mut self, movement: Move, direction: Direction) -> Result<(), FailureKind> {
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
        self.world.store.swap(self.scope, movement.route_from, to)?;
        if before == Some(to) {
            return Ok(());
        }
        self.wrote();
        let was = before.map(|route| (route.generation, route.live));
        let is_same = was == Some((to.generation, to.live));
        let is_newer = was.is_none_or(|(older, _)| older < to.generation);
        if was != movement.route_from || !(is_same || is_newer) {
            self.world.sins.add(Sin::Toggled);
        }
        self.routed(movement.to);
        let runs_another = self
            .in_slot(movement.to)
            .is_some_and(|it| !it.hurt && !is_digest(&plan.version.digest, it.digest));
        if direction == Direction::Forward && runs_another {
            self.world.sins.add(Sin::Unchecked);
        }
        Ok(())
    }

    fn routed(&mut self, to: Slot) {
        if !self.world.can_answer(to) {
            self.world.sins.add(Sin::RoutedToNothing);
        }
    }
}
