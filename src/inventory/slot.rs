//! The two fixed places where a version can run, and their roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// A fixed place with its own address. The name says nothing about health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The left one.
    Blue,
    /// The right one.
    Green,
}

impl Slot {
    /// Both, in the order in which they are shown.
    pub const BOTH: [Self; 2] = [Self::Blue, Self::Green];

    /// The slot that is not this one.
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

/// A text that is not a slot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a slot: it is blue or green")]
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

/// The role of a slot, as observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It has the traffic.
    Live,
    /// It holds a version that never had the traffic in this slot.
    Candidate,
    /// It was live and keeps running for a warm rollback.
    Standby,
    /// It was live; its instance is stopped and kept for a cold start.
    Stopped,
    /// Greenroom has nothing in it.
    Empty,
    /// A source that decides the role has not answered.
    Unknown,
}

impl Role {
    /// The role; none where it is unknown.
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
            Self::Stopped => "stopped",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        })
    }
}

/// Which slot has the traffic, as observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveSlot {
    /// This slot.
    Slot(Slot),
    /// None: nothing has been released yet.
    NoSlot,
    /// The proxy has not answered.
    Unknown,
}

impl LiveSlot {
    /// The slot; none if no slot has the traffic or it is unknown.
    pub fn slot(self) -> Option<Slot> {
        match self {
            Self::Slot(slot) => Some(slot),
            Self::NoSlot | Self::Unknown => None,
        }
    }
}

/// The slot's name, `none`, or null if it is unknown.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PerSlot<T> {
    /// The value of blue.
    pub blue: T,
    /// The value of green.
    pub green: T,
}

impl<T> PerSlot<T> {
    /// Makes both values from their slot.
    pub fn from_fn(mut make: impl FnMut(Slot) -> T) -> Self {
        Self {
            blue: make(Slot::Blue),
            green: make(Slot::Green),
        }
    }

    /// The value of one slot.
    pub fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
        }
    }

    /// The value of one slot, to change.
    pub fn get_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::Blue => &mut self.blue,
            Slot::Green => &mut self.green,
        }
    }

    /// Both, with their slot.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        Slot::BOTH.into_iter().map(|slot| (slot, self.get(slot)))
    }
}
