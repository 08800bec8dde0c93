//! The configuration of the proxy for one target.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use crate::inventory::{AddressRange, Addresses, PerSlot, Target};

/// The listeners of one target and the addresses of its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub target: Target,
    /// The address that serves the live slot to the public.
    pub public: SocketAddr,
    /// The address of the preview listener, which serves the slot without traffic.
    pub preview: SocketAddr,
    /// The clients that the preview listener answers, by address. If the list is empty, it answers all clients.
    pub preview_allow: Vec<AddressRange>,
    /// The addresses of the members of each slot.
    pub slots: PerSlot<Addresses>,
}

impl Site {
    /// A fingerprint that changes when any field changes.
    pub(super) fn fingerprint(&self) -> String {
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

    pub(super) fn may_preview(&self, from: IpAddr) -> bool {
        let mut allowed = self.preview_allow.iter();
        self.preview_allow.is_empty() || allowed.any(|range| range.contains(from))
    }

    /// The path of the target's report on the answer listener.
    pub(super) fn answer_path(target: &Target) -> String {
        format!("/{target}")
    }
}
