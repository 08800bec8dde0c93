//! The two slots of a target, and their roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// One of the two fixed places in which a version can run. The name says nothing about health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    Blue,
    Green,
}

impl Slot {
    /// Both slots, in the order in which they are shown.
    pub const BOTH: [Self; 2] = [Self::Blue, Self::Green];

    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// `blue` or `green`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a slot: a slot is blue or green")]
pub struct UnknownSlot(pub String);

impl FromStr for Slot {
    type Err = UnknownSlot;

    fn from_str(text: &str) -> Result<Self, UnknownSlot> {
        match text {
            "blue" => Ok(Self::Blue),
            "green" => Ok(Self::Green),
            other => Err(UnknownSlot(other.to_owned())),
        }
    }
}

/// What a slot is used for, as observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The slot has the traffic. If the slot is known to have no instance, its role is `Empty` instead.
    Live,
    /// The slot has an instance with none of the other roles: a version before its switch.
    Candidate,
    /// The slot was live, and its instance still runs for a warm rollback.
    Standby,
    /// The slot was live, and its instance still runs, but is no longer registered, because it is to be stopped.
    Ending,
    /// The slot was live, and its instance is stopped and kept for a cold rollback.
    Stopped,
    /// Greenroom has no instance in the slot. The slot may have the traffic nevertheless.
    Empty,
    /// A source that decides the role has not answered.
    Unknown,
}

impl Role {
    /// None if the role is unknown.
    pub fn known(self) -> Option<Self> {
        (self != Self::Unknown).then_some(self)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Live => "live",
            Self::Candidate => "candidate",
            Self::Standby => "standby",
            Self::Ending => "ending",
            Self::Stopped => "stopped",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        })
    }
}

/// Which slot has the traffic, as observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveSlot {
    Slot(Slot),
    /// No slot has the traffic, e.g. before the first release.
    NoSlot,
    /// An edge has not answered, the edges differ, or none has a configuration for the target and the store has not
    /// answered.
    Unknown,
}

impl LiveSlot {
    /// None if no slot has the traffic, or if it is unknown which one has it.
    pub fn slot(self) -> Option<Slot> {
        match self {
            Self::Slot(slot) => Some(slot),
            Self::NoSlot | Self::Unknown => None,
        }
    }
}

/// Writes the name of the slot, `none`, or null if it is unknown which slot has the traffic.
impl Serialize for LiveSlot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Slot(slot) => serializer.serialize_str(slot.as_str()),
            Self::NoSlot => serializer.serialize_str("none"),
            Self::Unknown => serializer.serialize_none(),
        }
    }
}

/// One value for each slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct PerSlot<T> {
    pub blue: T,
    pub green: T,
}

impl<T> PerSlot<T> {
    /// Calls `make` once for each slot.
    pub fn from_fn(mut make: impl FnMut(Slot) -> T) -> Self {
        Self {
            blue: make(Slot::Blue),
            green: make(Slot::Green),
        }
    }

    pub fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
        }
    }

    pub fn get_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::Blue => &mut self.blue,
            Slot::Green => &mut self.green,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        Slot::BOTH.into_iter().map(|slot| (slot, self.get(slot)))
    }
}
