//! The calls of each action, in the order of `release::driver::perform`. The engine compares no token.

use greenroom::adapters::live_pointer::Admission;
use greenroom::inventory::{
    Digest, EdgeName, FencingToken, Hold, PeerApproval, Slot, SwitchOrder, Version,
};
use greenroom::ports::FailureKind;
use greenroom::release::{Action, Move, Purpose, Rewrite, RouteBefore};

use super::super::calls::{Call, Doing, Hand, number};
use super::super::names::{is_digest, letter, number_of};
use super::super::never::Violation;
use super::Slots;
use super::engine::{REPAIRED, Running, index};
use super::flaws::SlotsFlaw;
use super::store::{Entered, Route};

impl Hand<'_, '_, Slots> {
    fn in_slot(&self, slot: Slot) -> Option<Running> {
        self.world.side.engine[index(slot)]
    }

    /// Makes the next call of the action under way.
    pub(super) fn next_call(&mut self, doing: &mut Doing, action: &Action) -> Call {
        let starts_next = matches!(doing.next_action(), Some(Action::Start { .. }));
        let quiets_next = matches!(doing.next_action(), Some(Action::Quiet { .. }));
        match action {
            Action::Switch(movement) => self.switch(doing, movement),
            // Two calls, so that the lock is checked again before the start.
            Action::Create {
                slot,
                version,
                release,
                ..
            } if self.scope.side.kind.is_exclusive() && doing.call == 0 => {
                let was_up = self.in_slot(*slot).is_some_and(|it| it.up);
                self.create(*slot, version, number_of(*release))?;
                if let Some(created) = &mut self.world.side.engine[index(*slot)] {
                    created.up = was_up;
                }
                Ok(doing.continues())
            }
            Action::CreateTask(order) => self.create_task(doing, order),
            Action::StartTask(order) => self.start_task(doing, order),
            Action::Deregister(_)
                if quiets_next && self.scope.has_own(SlotsFlaw::QuietStaysRegistered) =>
            {
                Ok(doing.done())
            }
            Action::Stop { .. }
                if starts_next && self.scope.has_own(SlotsFlaw::StartedOverAStop) =>
            {
                Ok(doing.done())
            }
            action => self.only_call(doing, action).map(|()| doing.done()),
        }
    }

    /// Makes the only call of an action.
    fn only_call(&mut self, doing: &Doing, action: &Action) -> Result<(), FailureKind> {
        match action {
            Action::Pull(_) | Action::Install => {}
            Action::Create {
                slot,
                version,
                release,
                ..
            } => self.create(*slot, version, number_of(*release))?,
            Action::Start { slot, .. } => {
                self.in_slot(*slot).ok_or(FailureKind::Missing)?;
                self.up(*slot);
            }
            Action::Register {
                slot,
                digest,
                release,
                ..
            } => self.register(*slot, digest, number_of(*release))?,
            Action::Deregister(slot) => self.deregister(*slot)?,
            Action::Quiet { slot, .. } => {
                if let Some(running) = &mut self.world.side.engine[index(*slot)] {
                    running.quiet |= running.up;
                }
            }
            Action::Stop { instance, .. } => self.stop(doing, number(instance)),
            Action::Remove { instance, .. } => self.discard(doing, number(instance)),
            Action::Route(rewrite) => self.swap(rewrite)?,
            Action::StopTask(container) => self.stop_task(container),
            Action::Rebase { .. }
            | Action::Switch(_)
            | Action::CreateTask(_)
            | Action::StartTask(_) => panic!("not one call: {action:?}"),
        }
        Ok(())
    }

    fn create(&mut self, slot: Slot, version: &Version, release: u8) -> Result<(), FailureKind> {
        match self.in_slot(slot) {
            Some(running) if running.release != release => {
                return Err(FailureKind::Conflict);
            }
            Some(_) => self.up(slot),
            None => {
                let mut running = Running::started(release, letter(&version.digest));
                if self.is_repair() {
                    let token = u8::try_from(self.who.token).expect("a small token");
                    running.id = REPAIRED + token;
                }
                self.world.side.engine[index(slot)] = Some(running);
                self.world.side.edited.gone[index(slot)] = false;
            }
        }
        Ok(())
    }

    /// Starts an instance. What a repair starts must answer from then on.
    fn up(&mut self, slot: Slot) {
        let is_repair = self.is_repair();
        if let Some(running) = &mut self.world.side.engine[index(slot)] {
            running.quiet &= running.up;
            running.up = true;
            running.hurt &= !(is_repair && running.well);
        }
    }

    fn is_repair(&self) -> bool {
        self.who.plan.is_none()
    }

    fn stop(&mut self, doing: &Doing, id: Option<u8>) {
        self.world.hear_out(id);
        self.end(doing, id, |running| {
            running.map(|running| Running {
                up: false,
                ..running
            })
        });
    }

    /// The engine does not remove a running instance.
    fn discard(&mut self, doing: &Doing, id: Option<u8>) {
        self.end(doing, id, |running| running.filter(|it| it.up));
    }

    /// An instance is identified by its number, in whichever slot it is.
    fn end(
        &mut self,
        doing: &Doing,
        id: Option<u8>,
        how: impl Fn(Option<Running>) -> Option<Running>,
    ) {
        for slot in Slot::BOTH {
            let occupant = self.in_slot(slot);
            let left = how(occupant);
            if occupant.is_some_and(|it| Some(it.id) == id) && left != occupant {
                // A release stops the old version only while a route says that the new one has the traffic. Otherwise
                // the pointer says enough.
                let plan = self.who.plan.filter(|_| doing.is_forward());
                let is_old = plan.is_some_and(|plan| plan.slot != slot);
                let is_unknown = is_old && self.world.side.route.is_none();
                // The live version of an exclusive service is stopped on purpose, but not by a repair.
                let may_stop = !self.is_repair() && self.scope.side.kind.is_exclusive();
                if !may_stop && (self.world.side.has_traffic(slot) || is_unknown) {
                    self.world.violations.add(Violation::TouchedLive);
                }
                self.world.side.engine[index(slot)] = left;
            }
        }
    }

    fn register(&mut self, slot: Slot, digest: &Digest, release: u8) -> Result<(), FailureKind> {
        let running = self.in_slot(slot).ok_or(FailureKind::Missing)?;
        if !is_digest(digest, running.digest) {
            return Err(FailureKind::Changed);
        }
        self.world.store.compare(self.scope, self.who.token)?;
        self.wrote();
        self.world.side.registered[index(slot)] = Some(Entered {
            digest: running.digest,
            instance: running.id,
            release,
            token: self.who.token,
        });
        self.world.side.edited.unregistered[index(slot)] = false;
        Ok(())
    }

    fn deregister(&mut self, slot: Slot) -> Result<(), FailureKind> {
        self.world.store.compare(self.scope, self.who.token)?;
        self.world.side.deregister(self.scope, slot)?;
        self.world.side.edited.unregistered[index(slot)] = false;
        self.wrote();
        Ok(())
    }

    fn switch(&mut self, doing: &mut Doing, movement: &Move) -> Call {
        let order = SwitchOrder {
            from: movement.from.at(&EdgeName::default()),
            to: movement.to,
            generation: movement.generation,
            token: FencingToken(self.who.token),
        };
        let takes_any = self.scope.has_own(SlotsFlaw::ProxyTakesAnyToken);
        match doing.call {
            // The route is all that a background service has.
            0 if self.scope.side.kind.is_background() => Ok(doing.continues()),
            1 if self.scope.side.kind.is_background() => {
                if let Some(rewrite) = &movement.route {
                    self.swap(rewrite)?;
                }
                Ok(doing.done())
            }
            0 | 2
                if order.from == Some(order.to)
                    && self.scope.has_own(SlotsFlaw::ProxyRefusesToStay) =>
            {
                Err(FailureKind::Rejected)
            }
            0 => {
                let highest = self.world.side.proxy.highest();
                if self.world.side.proxy.make_ready(&order, takes_any)? {
                    self.held_against(highest);
                }
                Ok(doing.continues())
            }
            1 => {
                if let Some(rewrite) = &movement.route {
                    self.swap(rewrite)?;
                }
                Ok(doing.continues())
            }
            2 => {
                let highest = self.world.side.proxy.highest();
                if self.world.side.proxy.prepare(&order, takes_any)? == Admission::Done {
                    return Ok(doing.done());
                }
                self.held_against(highest);
                Ok(doing.continues())
            }
            _ => {
                let highest = self.world.side.proxy.highest();
                let before = self.world.side.proxy.link;
                self.world.side.proxy.rename(&order, takes_any)?;
                self.world.side.edited.pointer = false;
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
            release: number_of(rewrite.release),
            token: self.who.token,
        };
        let from = match rewrite.from {
            RouteBefore::Missing => None,
            RouteBefore::Contains(generation, slot) => Some((generation, slot)),
            RouteBefore::Unreadable => panic!("every route can be read"),
        };
        let before = self.world.side.route;
        let (is_promote, needed) = match &rewrite.purpose {
            Purpose::Promote {
                hold,
                peer_approvals,
            } => (true, self.is_as_seen(hold.as_ref(), peer_approvals)),
            Purpose::Rollback(_) | Purpose::BackOut | Purpose::Repair => (false, true),
        };
        self.world.store.compare(self.scope, to.token)?;
        self.world.side.swap(self.scope, from, to, needed)?;
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
        self.world.side.edited.route = false;
        self.routed(rewrite.live);
        let Some(plan) = self.who.plan else {
            return Ok(());
        };
        if self.scope.has_repair() {
            self.world.side.was_live[index(rewrite.live)] = Some(to.digest);
        }
        let planned = &plan.version.digest;
        let runs_another = self
            .in_slot(rewrite.live)
            .is_some_and(|it| !it.hurt && !is_digest(planned, it.digest));
        if rewrite.live == plan.slot && runs_another {
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
        if !self.world.side.can_answer(to) {
            self.world.violations.add(Violation::RoutedToNothing);
        }
    }
}
