//! What one edge reported about a target.

use serde::{Serialize, Serializer};

use crate::inventory::{
    FencingToken, Installation, PerSlot, PointerState, ProxyAnswer, PublicAnswer, Rates, Slot,
    SourceState,
};

/// How an edge routes a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EdgeAnswer {
    /// The edge was not asked, or has never answered.
    #[default]
    Unknown,
    /// The edge has no configuration for the target.
    NotInstalled,
    /// The edge answers for the target.
    Routes(ProxyAnswer),
}

impl EdgeAnswer {
    /// None if the edge does not answer for the target.
    pub fn proxy(&self) -> Option<&ProxyAnswer> {
        match self {
            Self::Routes(answer) => Some(answer),
            Self::Unknown | Self::NotInstalled => None,
        }
    }

    pub fn proxy_mut(&mut self) -> Option<&mut ProxyAnswer> {
        match self {
            Self::Routes(answer) => Some(answer),
            Self::Unknown | Self::NotInstalled => None,
        }
    }

    /// The slot that the edge names; none if it names no slot or does not answer.
    pub fn slot(&self) -> Option<Slot> {
        self.proxy().and_then(|answer| answer.slot)
    }
}

/// Writes the answer, or null if the edge does not answer for the target.
impl Serialize for EdgeAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.proxy().serialize(serializer)
    }
}

/// What one edge reported about a target. A release observes anew before each decision, so its observations have no
/// `state`, and only the values that were requested.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Edge {
    /// Whether the edge answers at the moment. If it does not, the other values are those of its last answers.
    #[serde(skip)]
    pub state: SourceState,
    #[serde(rename = "proxy")]
    pub answer: EdgeAnswer,
    /// What the edge checks before a switch; none if it was not read.
    #[serde(skip)]
    pub pointer: Option<PointerState>,
    /// The last known state of the edge's configuration, on disk and loaded; none if it was never known. A failed check
    /// leaves it unchanged.
    pub installation: Option<Installation>,
    /// Why the last check of the configuration failed; none if there was no check, or if the last check succeeded.
    pub installation_unknown: Option<String>,
    /// The answer on the public address, over a fresh connection.
    pub public: Option<PublicAnswer>,
    /// The answer on the public address, over a kept connection. Only a release asks for it.
    #[serde(skip)]
    pub public_kept: Option<PublicAnswer>,
    /// The traffic that the edge sent to each slot; none if it does not report it.
    #[serde(skip)]
    pub rates: PerSlot<Option<Rates>>,
    /// Why the rates are unknown; none if they are known, or if the edge was not asked for them.
    #[serde(skip)]
    pub rates_unknown: Option<String>,
}

impl Edge {
    /// Takes how the edge routes the target. The error says why the edge does not answer.
    pub fn take_answer(&mut self, answer: Result<EdgeAnswer, String>) {
        match answer {
            Ok(answer) => {
                self.state = SourceState::Live;
                self.answer = answer;
            }
            Err(why) => {
                self.state = SourceState::Unreachable {
                    why,
                    retry_at: None,
                }
            }
        }
    }

    /// Takes the result of a check of the configuration. The error says why the check failed.
    pub fn take_installation(&mut self, checked: Result<Installation, String>) {
        match checked {
            Ok(installation) => {
                self.installation = Some(installation);
                self.installation_unknown = None;
            }
            Err(why) => self.installation_unknown = Some(why),
        }
    }

    /// Takes the traffic of each slot. The error says why it is not known.
    pub fn take_rates(&mut self, rates: Result<PerSlot<Option<Rates>>, String>) {
        match rates {
            Ok(rates) => (self.rates, self.rates_unknown) = (rates, None),
            Err(why) => (self.rates, self.rates_unknown) = (PerSlot::default(), Some(why)),
        }
    }

    /// Whether the pointer that was read before still matches the answer.
    pub fn is_pointer_current(&self) -> bool {
        let (Some(proxy), Some(pointer)) = (self.answer.proxy(), &self.pointer) else {
            return false;
        };
        let last = proxy.slot.and_then(|slot| *pointer.slots.get(slot));
        pointer.live == proxy.slot
            && last.map(|last| (last.generation, last.token))
                == proxy.slot.map(|_| (proxy.generation, proxy.token))
    }

    pub(super) fn highest_generation(&self) -> u64 {
        let answered = self.answer.proxy().map_or(0, |proxy| proxy.generation);
        let pointed = self.pointer.map_or(0, |it| it.highest_generation());
        answered.max(pointed)
    }

    pub(super) fn highest_token(&self) -> Option<FencingToken> {
        let answered = self.answer.proxy().map(|proxy| proxy.token);
        answered.max(self.pointer.map(|pointer| pointer.highest_token()))
    }
}
