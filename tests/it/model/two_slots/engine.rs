//! The running instances: one per slot, identified by a number. The engine compares no tokens.

use greenroom::inventory::Slot;

/// The release number of instances from before the model starts.
pub(crate) const BEFORE: u8 = 0;
/// The number of an instance started by hand in blue; the next number is that of green.
pub(crate) const BY_HAND: u8 = 90;

/// The number of an instance that a repair creates, without the token of the repair.
pub(crate) const REPAIRED: u8 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is independent of the others"
)]
pub(crate) struct Running {
    pub(crate) release: u8,
    /// The number of the instance. It is that of its release, because no release starts two.
    pub(crate) id: u8,
    pub(crate) digest: char,
    pub(crate) up: bool,
    pub(crate) well: bool,
    /// Whether it was told to take no more jobs.
    pub(crate) quiet: bool,
    /// Whether it became unhealthy or was replaced from outside.
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
            quiet: false,
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
