//! The file in a slot's directory: the last switch to that slot, as a line of JSON. Pure.

use serde::{Deserialize, Serialize};

use crate::inventory::{FencingToken, LastSwitch, Slot, Target, generation};
use crate::ports::SwitchOrder;

/// The pointer's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointer {
    /// The live slot. None before the first release.
    pub slot: Option<Slot>,
    /// The generation of its switch. 0 before the first release.
    pub generation: u64,
    /// The token of its switch. 0 before the first release.
    pub token: FencingToken,
}

/// The file. Unknown keys are ignored, so that a newer Greenroom may add some.
#[derive(Serialize, Deserialize)]
struct AnswerFile {
    slot: Slot,
    #[serde(deserialize_with = "generation")]
    generation: u64,
    token: FencingToken,
    /// The target of the pointer, e.g. `web/qa`. Absent in a configuration, which names the target itself.
    #[serde(default)]
    target: Option<String>,
}

/// The target that a slot's file names, if it names one.
pub(super) fn owner(content: &[u8]) -> Option<String> {
    let file: AnswerFile = serde_json::from_slice(content).ok()?;
    file.target
}

impl Pointer {
    /// The state after an order was carried out.
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

    /// The recorded switch.
    pub fn last_switch(self) -> LastSwitch {
        LastSwitch {
            generation: self.generation,
            token: self.token,
        }
    }

    /// Parses the file of a slot. An error says what is wrong with it.
    pub fn from_json(slot: Slot, content: &[u8]) -> Result<Self, String> {
        let file: AnswerFile = serde_json::from_slice(content)
            .map_err(|error| format!("Greenroom did not write this: {error}"))?;
        if file.slot != slot {
            return Err(format!(
                "it is in the directory of {slot}, but names {}",
                file.slot
            ));
        }
        Ok(Self {
            slot: Some(slot),
            generation: file.generation,
            token: file.token,
        })
    }

    /// The content of the slot's file, with its target. It is also valid as an answer, like [`Pointer::to_json`].
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

    /// The pointer inside a configuration. `{}` when no slot is live.
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
