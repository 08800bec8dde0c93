//! What the proxy does for one target.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use crate::inventory::{AddressRange, Endpoint, PerSlot, Target};

/// One target's listeners and where its slots answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whose they are.
    pub target: Target,
    /// Where the world reaches the slot with the traffic.
    pub public: SocketAddr,
    /// Where the slot without traffic can be looked at.
    pub preview: SocketAddr,
    /// The addresses whose requests the preview listener answers; all when empty.
    pub preview_allow: Vec<AddressRange>,
    /// Where the slots answer.
    pub slots: PerSlot<Endpoint>,
}

impl Site {
    /// A mark that differs when anything of this does.
    pub(super) fn mark(&self) -> String {
        let mut text = format!(
            "{} {} {} {} {}",
            self.target, self.public, self.preview, self.slots.blue, self.slots.green
        );
        for range in &self.preview_allow {
            let _ = write!(text, " {range}");
        }
        let hash = Sha256::digest(text.as_bytes());
        let mut number = [0; 8];
        for (to, from) in number.iter_mut().zip(hash) {
            *to = from;
        }
        format!("{:016x}", u64::from_be_bytes(number))
    }

    /// Whether the preview listener answers requests from this address.
    pub(super) fn may_preview(&self, from: IpAddr) -> bool {
        let mut allowed = self.preview_allow.iter();
        self.preview_allow.is_empty() || allowed.any(|range| range.contains(from))
    }

    /// The path of its answer.
    pub(super) fn answer_path(target: &Target) -> String {
        format!("/{target}")
    }
}
