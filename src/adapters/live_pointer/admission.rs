//! Decides whether a switch is allowed from the current state. Pure, and the same for every kind of
//! pointer.

use super::Pointer;
use crate::inventory::{FencingToken, Slot, Target};
use crate::ports::{Failure, FailureKind, SwitchOrder};

/// The result for an allowed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It was already carried out: nothing to do.
    Done,
    /// It is the next switch.
    Next,
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of failure.
    pub kind: FailureKind,
    /// The reason, as a text.
    pub said: String,
    /// What to do about it. May be empty.
    pub hint: &'static str,
}

impl Pointer {
    /// Compares an order with the current state. `highest` is the highest token of the target,
    /// which may be higher than that of the live slot.
    pub fn admits(self, highest: FencingToken, order: &SwitchOrder) -> Result<Admission, Refusal> {
        let refused = |kind, said| {
            Err(Refusal {
                kind,
                said,
                hint: "",
            })
        };
        if order.token < highest {
            return Err(Refusal::overtaken(highest, order));
        }
        if self.slot == Some(order.to) && self.generation == order.generation {
            return Ok(Admission::Done);
        }
        if self.slot != order.from {
            let said = format!(
                "{} has the traffic and not {}",
                named(self.slot),
                named(order.from)
            );
            return refused(FailureKind::Conflict, said);
        }
        if order.generation <= self.generation {
            let said = format!(
                "the current generation is {}, and {} is not higher",
                self.generation, order.generation
            );
            return refused(FailureKind::Conflict, said);
        }
        Ok(Admission::Next)
    }

    /// Why an admitted order must no longer be carried out: this switch, of either slot, came after
    /// it.
    pub fn overtakes(self, order: &SwitchOrder) -> Option<Refusal> {
        if self.token > order.token {
            return Some(Refusal::overtaken(self.token, order));
        }
        (self.generation > order.generation).then(|| Refusal {
            kind: FailureKind::Conflict,
            said: format!(
                "generation {} was written since then, and {} is lower",
                self.generation, order.generation
            ),
            hint: "",
        })
    }
}

impl Refusal {
    /// The order's lock is not the newest.
    pub fn overtaken(highest: FencingToken, order: &SwitchOrder) -> Self {
        Self {
            kind: FailureKind::Fenced,
            said: format!(
                "the lock that moved the traffic last has token {highest}, and this one has the lower token {}",
                order.token
            ),
            hint: "another driver took over the lock. If the store was wiped or restored, `greenroom status` says so and `greenroom repair` repairs it",
        }
    }

    /// The failure of a switch at `place`.
    pub fn failure(self, place: String, target: &Target, order: &SwitchOrder) -> Failure {
        let doing = format!(
            "switching {target} from {} to {} as generation {}",
            named(order.from),
            order.to,
            order.generation
        );
        Failure::new(self.kind, place, doing, self.said).hint(self.hint)
    }
}

fn named(slot: Option<Slot>) -> &'static str {
    slot.map_or("no slot", Slot::as_str)
}
