//! What routes traffic: a proxy that reads a live pointer at every request.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{FencingToken, ProxyAnswer, Slot, Target};

/// Whether the proxy's configuration for a target is what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installation {
    /// Loaded and as it should be.
    Current,
    /// Not there.
    Missing,
    /// There, and another shape than the configuration asks for; said in words.
    Outdated(String),
}

/// The connections a slot still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connections {
    /// This many are open.
    Open(u64),
    /// They cannot be counted here, and why.
    Uncounted(String),
}

/// One switch, naming where it comes from and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchOrder {
    /// The slot that has the traffic now; none before the first release.
    pub from: Option<Slot>,
    /// The slot that gets it.
    pub to: Slot,
    /// The generation this switch makes.
    pub generation: u64,
    /// The token of the lock it is made under; the proxy refuses a lower one than it has.
    pub token: FencingToken,
}

/// Looks at the proxy.
#[async_trait]
pub trait RouterReader: Send + Sync {
    /// Which proxy this is, e.g. `nginx/1.22.1`.
    async fn proxy(&self) -> Result<String>;

    /// The calls that [`RouterWriter::install`] and [`RouterWriter::switch`] would make, in words.
    fn describe_install(&self, target: &Target) -> Vec<String>;

    /// See [`RouterReader::describe_install`]. Says so when the switch may cost connections.
    fn describe_switch(&self, target: &Target, order: &SwitchOrder) -> Vec<String>;

    /// Whether the configuration is installed **and loaded**.
    async fn installation(&self, target: &Target) -> Result<Installation>;

    /// What the proxy does for the target, read back over a fresh connection.
    async fn answer(&self, target: &Target) -> Result<ProxyAnswer>;

    /// The connections between the proxy and a slot.
    async fn connections(&self, target: &Target, slot: Slot) -> Result<Connections>;
}

/// Changes the proxy.
#[async_trait]
pub trait RouterWriter: Send + Sync {
    /// Installs the configuration, tests it as a whole tree, reloads, and reads back that it is
    /// loaded; else puts the old one back and says what happened. Safe to repeat.
    async fn install(&self, target: &Target) -> Result<()>;

    /// Moves the traffic. When the pointer is `to` with that generation already, nothing changes;
    /// when it is neither `from` nor `to`, that is a conflict.
    async fn switch(&self, target: &Target, order: &SwitchOrder) -> Result<()>;
}
