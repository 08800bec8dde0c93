//! What stands in a slot's directory: the last switch that went there, as a line of JSON. Pure.

use serde::{Deserialize, Serialize};

use crate::inventory::{FencingToken, LastSwitch, Slot, Target, generation};
use crate::ports::SwitchOrder;

/// What the pointer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointer {
    /// The slot with the traffic; none before the first release.
    pub slot: Option<Slot>,
    /// The generation it was switched to with; 0 before the first release.
    pub generation: u64,
    /// The token it was switched under; 0 before the first release.
    pub token: FencingToken,
}

/// The file. Unknown keys are left alone, so that a newer Greenroom may add some.
#[derive(Serialize, Deserialize)]
struct AnswerFile {
    slot: Slot,
    #[serde(deserialize_with = "generation")]
    generation: u64,
    token: FencingToken,
    /// Whose pointer it is, e.g. `web/qa`; absent where a configuration carries it, which names the target itself.
    #[serde(default)]
    target: Option<String>,
}

/// Whose pointer a slot's file is; none where it does not say.
pub(super) fn owner(content: &[u8]) -> Option<String> {
    let file: AnswerFile = serde_json::from_slice(content).ok()?;
    file.target
}

impl Pointer {
    /// What stands once an order was carried out.
    pub fn after(order: &SwitchOrder) -> Self {
        Self {
            slot: Some(order.to),
            generation: order.generation,
            token: order.token,
        }
    }

    /// The last switch of a slot.
    pub fn of(slot: Slot, last: LastSwitch) -> Self {
        Self {
            slot: Some(slot),
            generation: last.generation,
            token: last.token,
        }
    }

    /// The switch that it records.
    pub fn last_switch(self) -> LastSwitch {
        LastSwitch {
            generation: self.generation,
            token: self.token,
        }
    }

    /// Reads the file of a slot; an error says in words what is wrong with it.
    pub fn from_json(slot: Slot, content: &[u8]) -> Result<Self, String> {
        let file: AnswerFile = serde_json::from_slice(content)
            .map_err(|error| format!("it is not what Greenroom writes there: {error}"))?;
        if file.slot != slot {
            return Err(format!("it is in {slot} and speaks of {}", file.slot));
        }
        Ok(Self {
            slot: Some(slot),
            generation: file.generation,
            token: file.token,
        })
    }

    /// The content of the slot's file, which names its target. It is an answer as [`Pointer::to_json`] gives it, too.
    pub(super) fn to_file(self, target: &Target) -> Vec<u8> {
        let Some(slot) = self.slot else {
            return self.to_json();
        };
        let mut text = serde_json::json!({
            "slot": slot,
            "generation": self.generation,
            "token": self.token,
            "target": target.to_string(),
        })
        .to_string();
        text.push('\n');
        text.into_bytes()
    }

    /// The pointer as a configuration carries it; `{}` where no slot has the traffic.
    pub fn to_json(self) -> Vec<u8> {
        let Some(slot) = self.slot else {
            return b"{}\n".to_vec();
        };
        let mut text = serde_json::json!({
            "slot": slot,
            "generation": self.generation,
            "token": self.token,
        })
        .to_string();
        text.push('\n');
        text.into_bytes()
    }
}
