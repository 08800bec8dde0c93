//! What runs: an instance a slot, known by its number. The engine compares no tokens.

use greenroom::inventory::Slot;

/// The number of who ran before all this.
pub(crate) const BEFORE: u8 = 0;
/// The number of what was put into blue by hand; the next one is that of green.
pub(crate) const BY_HAND: u8 = 90;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Running {
    /// Of which release, and so which instance: none starts two.
    pub(crate) release: u8,
    pub(crate) id: u8,
    pub(crate) digest: char,
    pub(crate) up: bool,
    pub(crate) well: bool,
    /// Whether it fell ill or was replaced, which nobody here did.
    pub(crate) hurt: bool,
}

impl Running {
    pub(crate) fn started(release: u8, digest: char) -> Self {
        Self {
            release,
            id: release,
            digest,
            up: true,
            well: true,
            hurt: false,
        }
    }

    pub(crate) fn is_healthy(self) -> bool {
        self.up && self.well
    }
}

pub(crate) const fn index(slot: Slot) -> usize {
    match slot {
        Slot::Blue => 0,
        Slot::Green => 1,
    }
}
