//! Whether a switch may be made from what stands. Pure; the same for every kind of pointer.

use super::Pointer;
use crate::inventory::{FencingToken, Slot, Target};
use crate::ports::{Failure, FailureKind, SwitchOrder};

/// What an admitted order means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It was carried out before: nothing is to be done.
    Done,
    /// It comes next.
    Next,
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For decisions.
    pub kind: FailureKind,
    /// For people.
    pub said: String,
    /// What it means; may be empty.
    pub hint: &'static str,
}

impl Pointer {
    /// Holds an order against what stands. `highest` is the highest token seen at the target,
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
                "generation {} stands already and {} is not greater",
                self.generation, order.generation
            );
            return refused(FailureKind::Conflict, said);
        }
        Ok(Admission::Next)
    }

    /// Why an order that was admitted is not to be carried out any more: this, of either slot, came
    /// after it.
    pub fn overtakes(self, order: &SwitchOrder) -> Option<Refusal> {
        if self.token > order.token {
            return Some(Refusal::overtaken(self.token, order));
        }
        (self.generation > order.generation).then(|| Refusal {
            kind: FailureKind::Conflict,
            said: format!(
                "generation {} was written since and {} is lower",
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
            hint: "another driver has taken the lock over; where the store was wiped or restored, `greenroom status` says so and `greenroom repair` mends it",
        }
    }

    /// As the failure of a switch at `place`.
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
