//! What the proxy does for one target.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use crate::inventory::{Endpoint, PerSlot, Target};

/// One target's listeners and where its slots answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whose they are.
    pub target: Target,
    /// Where the world reaches the slot with the traffic.
    pub public: SocketAddr,
    /// Where the slot without traffic can be looked at.
    pub preview: SocketAddr,
    /// Where the slots answer.
    pub slots: PerSlot<Endpoint>,
}

impl Site {
    /// A mark that differs when anything of this does.
    pub(super) fn mark(&self) -> String {
        let text = format!(
            "{} {} {} {} {}",
            self.target, self.public, self.preview, self.slots.blue, self.slots.green
        );
        let hash = Sha256::digest(text.as_bytes());
        let mut number = [0; 8];
        for (to, from) in number.iter_mut().zip(hash) {
            *to = from;
        }
        format!("{:016x}", u64::from_be_bytes(number))
    }

    /// The path of its answer.
    pub(super) fn answer_path(target: &Target) -> String {
        format!("/{target}")
    }
}
