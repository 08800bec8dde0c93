//! Events of a running instance, and what the public gets from it.

use greenroom::inventory::{BodyClass, Exit, PublicAnswer, RequestCount, RuntimeHealth, Slot};
use jiff::Timestamp;

use super::world::{Owed, World};

/// The runs of one instance.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) restarts: u64,
    pub(super) started_at: Timestamp,
    pub(super) health: RuntimeHealth,
    pub(super) last_exit: Option<Exit>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            restarts: 0,
            started_at: Timestamp::UNIX_EPOCH,
            health: RuntimeHealth::Unchecked,
            last_exit: None,
        }
    }
}

/// The public address and its counters.
#[derive(Debug, Clone)]
pub(super) struct PublicSide {
    /// The answer there; `None` when there is none.
    pub(super) status: Option<u16>,
    /// The direct answer of the instance.
    pub(super) own_status: u16,
    /// A server unknown to Greenroom answers there.
    pub(super) is_foreign: bool,
    /// The proxy's counters; `None` when the proxy writes none.
    pub(super) traffic: Option<RequestCount>,
    /// Every second fresh answer is a 502.
    pub(super) flaps: bool,
    asked: u32,
}

impl Default for PublicSide {
    fn default() -> Self {
        Self {
            status: Some(200),
            own_status: 200,
            is_foreign: false,
            traffic: None,
            flaps: false,
            asked: 0,
        }
    }
}

impl PublicSide {
    pub(super) fn answers(&mut self, pointer: Option<Slot>) -> (PublicAnswer, PublicAnswer) {
        self.asked += 1;
        let is_off = self.flaps && self.asked.is_multiple_of(2);
        let answer = |status: Option<u16>| PublicAnswer {
            slot: pointer.filter(|_| !self.is_foreign && status.is_some()),
            status,
            body: status.map(|_| BodyClass::of(Some("text/plain"), b"x")),
            detail: match status {
                None => "no connection: refused".to_owned(),
                Some(status) if status >= 500 => format!("HTTP {status}"),
                Some(_) => String::new(),
            },
        };
        let fresh = if is_off { Some(502) } else { self.status };
        (answer(fresh), answer(self.status))
    }

    pub(super) fn direct(&self) -> PublicAnswer {
        PublicAnswer {
            slot: None,
            status: Some(self.own_status),
            body: Some(BodyClass::of(Some("text/plain"), b"x")),
            detail: String::new(),
        }
    }
}

/// A manual change after the switch, without Greenroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByHand {
    /// Points the proxy back to the old version.
    PointsBack,
    /// Writes a route to the old version.
    RoutesBack,
    /// Deletes the route's key.
    DeletesRoute,
}

impl ByHand {
    pub(super) const ALL: [Self; 3] = [Self::PointsBack, Self::RoutesBack, Self::DeletesRoute];
}

impl World {
    fn life(&mut self, slot: Slot) -> Option<&mut Life> {
        let running = self.slots.get_mut(slot).as_mut();
        running.map(|running| &mut running.life)
    }

    /// It exits, and the engine starts it again.
    pub(super) fn exit_and_restart(&mut self, slot: Slot, last_exit: Exit) {
        let now = self.now;
        if let Some(life) = self.life(slot) {
            life.restarts += 1;
            life.started_at = now;
            life.last_exit = Some(last_exit);
        }
    }

    /// It is started by hand, or its engine was restarted: no restart is counted.
    pub(super) fn start_again(&mut self, slot: Slot) {
        let now = self.now;
        if let Some(life) = self.life(slot) {
            life.started_at = now;
        }
    }

    pub(super) fn set_engine_health(&mut self, slot: Slot, health: RuntimeHealth) {
        if let Some(life) = self.life(slot) {
            life.health = health;
        }
    }

    /// A manual change of the live slot. Not between an observation and its act, where no guard can
    /// notice it.
    pub(super) fn change_by_hand(&mut self, what: ByHand) {
        let Some(from) = self.plan.from.as_ref().map(|from| from.slot) else {
            return;
        };
        let is_between = matches!(self.owed, None | Some(Owed::Look(_)));
        let slot = Some(self.plan.slot);
        let is_switched = self.route() == slot && self.is_pointed_at(slot);
        if !is_between || !is_switched {
            return;
        }
        self.is_put_back = true;
        match what {
            ByHand::PointsBack => self.point_by_hand(from),
            ByHand::RoutesBack => self.route_by_hand(from),
            ByHand::DeletesRoute => self.route = None,
        }
    }

    /// Points the proxy elsewhere, without Greenroom. Of two edges, the second.
    pub(super) fn point_by_hand(&mut self, slot: Slot) {
        let second = self.second.as_mut().map(|edge| &mut edge.pointer);
        let pointer = second.unwrap_or(&mut self.pointer);
        if let Some((generation, _)) = *pointer {
            *pointer = Some((generation - 1, slot));
        }
    }

    /// Writes another route into the store, without Greenroom.
    pub(super) fn route_by_hand(&mut self, slot: Slot) {
        if let Some((generation, _)) = self.route {
            self.route = Some((generation + 5, slot));
        }
    }
}
