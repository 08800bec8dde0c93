//! Decides whether a switch is allowed from the current state. The rules are the same for every kind of pointer.
//! Nothing in this module waits or does I/O.

use super::Pointer;
use crate::inventory::{FencingToken, Slot, Target};
use crate::ports::{Failure, FailureKind, SwitchOrder};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The order was carried out earlier, so there is nothing to do.
    Done,
    /// The order may be carried out now.
    Next,
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: FailureKind,
    pub message: String,
    /// What the operator can do about the refusal.
    pub hint: &'static str,
}

/// The hint for a switch that starts from another state than the current one.
const CHANGED: &str = "another driver may have switched the target, or the store may have been restored: see `greenroom status`";

impl Pointer {
    /// Decides whether an order is allowed from this state. `highest` is the highest token of the two slots, which may
    /// be higher than the token of the live slot.
    pub fn admits(self, highest: FencingToken, order: &SwitchOrder) -> Result<Admission, Refusal> {
        let refused = |kind, message| {
            Err(Refusal {
                kind,
                message,
                hint: CHANGED,
            })
        };
        if order.token < highest {
            return Err(Refusal::overtaken(highest, order));
        }
        if self.slot == Some(order.to) && self.generation == order.generation {
            return Ok(Admission::Done);
        }
        if self.slot != order.from {
            let message = format!(
                "{} has the traffic, but the switch starts from {}",
                slot_name(self.slot),
                slot_name(order.from)
            );
            return refused(FailureKind::Conflict, message);
        }
        if order.generation <= self.generation {
            let message = format!(
                "the current generation is {}, and generation {} is not higher",
                self.generation, order.generation
            );
            return refused(FailureKind::Conflict, message);
        }
        Ok(Admission::Next)
    }

    /// Checks an order again that was admitted earlier. `self` is the last switch that is recorded for one of the
    /// slots. Refuses the order if `self` has a higher token or a higher generation. Otherwise returns None.
    pub fn overtakes(self, order: &SwitchOrder) -> Option<Refusal> {
        if self.token > order.token {
            return Some(Refusal::overtaken(self.token, order));
        }
        (self.generation > order.generation).then(|| Refusal {
            kind: FailureKind::Conflict,
            message: format!(
                "the pointer now has generation {}, and generation {} of this switch is lower",
                self.generation, order.generation
            ),
            hint: CHANGED,
        })
    }
}

impl Refusal {
    /// The refusal of an order because the pointer already has `recorded`, a higher token.
    pub fn overtaken(recorded: FencingToken, order: &SwitchOrder) -> Self {
        Self {
            kind: FailureKind::Fenced,
            message: format!(
                "the pointer has token {recorded}, and the lock of this switch has the lower token {}",
                order.token
            ),
            hint: "another driver may have taken over the lock: see `greenroom status`. If the store was wiped or restored, the status says so, and `greenroom repair` corrects the token",
        }
    }

    pub fn failure(self, place: String, target: &Target, order: &SwitchOrder) -> Failure {
        let doing = format!(
            "switching {target} from {} to {} as generation {}",
            slot_name(order.from),
            order.to,
            order.generation
        );
        Failure::new(self.kind, place, doing, self.message).hint(self.hint)
    }
}

fn slot_name(slot: Option<Slot>) -> &'static str {
    slot.map_or("no slot", Slot::as_str)
}
