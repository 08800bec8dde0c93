//! The file in the directory of a slot. It records the last switch to that slot, as one line of JSON.

use serde::{Deserialize, Serialize};

use crate::inventory::{FencingToken, LastSwitch, Slot, Target, generation};
use crate::ports::SwitchOrder;

/// The live slot and its last switch. A value of this type can also describe the last switch to the other slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointer {
    /// The slot of the last switch. None before the first release.
    pub slot: Option<Slot>,
    /// The generation of the last switch. 0 before the first release.
    pub generation: u64,
    /// The token of the last switch. 0 before the first release.
    pub token: FencingToken,
}

/// The content of the file. Unknown keys are ignored, so that a newer Greenroom may add keys.
#[derive(Serialize, Deserialize)]
struct AnswerFile {
    slot: Slot,
    #[serde(deserialize_with = "generation")]
    generation: u64,
    token: FencingToken,
    /// The target of the pointer, e.g. `web/qa`. Absent in the pointer line of an nginx configuration, because another
    /// line names the target.
    #[serde(default)]
    target: Option<String>,
}

/// The target that a slot's file names; none if the file names no target.
pub(super) fn owner(content: &[u8]) -> Option<String> {
    let file: AnswerFile = serde_json::from_slice(content).ok()?;
    file.target
}

impl Pointer {
    /// The state after `order` has been carried out.
    pub fn after(order: &SwitchOrder) -> Self {
        Self {
            slot: Some(order.to),
            generation: order.generation,
            token: order.token,
        }
    }

    /// The state after `last`, the last switch to `slot`.
    pub fn of(slot: Slot, last: LastSwitch) -> Self {
        Self {
            slot: Some(slot),
            generation: last.generation,
            token: last.token,
        }
    }

    pub fn last_switch(self) -> LastSwitch {
        LastSwitch {
            generation: self.generation,
            token: self.token,
        }
    }

    /// Parses the content of the file of `slot`. The error says what is wrong with the content.
    pub fn from_json(slot: Slot, content: &[u8]) -> Result<Self, String> {
        let file: AnswerFile = serde_json::from_slice(content)
            .map_err(|error| format!("the content cannot be read: {error}"))?;
        if file.slot != slot {
            return Err(format!("the content names {} instead of {slot}", file.slot));
        }
        Ok(Self {
            slot: Some(slot),
            generation: file.generation,
            token: file.token,
        })
    }

    /// The content of the file, which names `target`. The proxy can also send this content as an answer.
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

    /// The pointer as JSON for a configuration file. `{}` if no slot is live.
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
