//! What routes traffic: a proxy that reads a live pointer at every request.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::{Failure, FailureKind, LogChunk, Result, Trial};
use crate::inventory::{
    Connections, Installation, PerSlot, PointerState, ProxyAnswer, Rates, RebaseOrder,
    RequestCount, Slot, SwitchOrder, Target,
};

/// Looks at the proxy.
#[async_trait]
pub trait RouterReader: Send + Sync {
    /// Which proxy is asked, and at which address.
    fn address(&self) -> String {
        "the proxy".to_owned()
    }

    /// Which proxy this is, e.g. `nginx/1.22.1`.
    async fn proxy(&self) -> Result<String>;

    /// What there is to try without changing anything.
    fn trials(&self) -> Vec<Trial<'_>> {
        vec![Trial::new("proxy", self.proxy())]
    }

    /// The calls that [`RouterWriter::install`] and [`RouterWriter::switch`] would make, in words.
    fn describe_install(&self, target: &Target) -> Vec<String>;

    /// See [`RouterReader::describe_install`]. Says so when the switch may cost connections.
    fn describe_switch(&self, target: &Target, order: &SwitchOrder) -> Vec<String>;

    /// Whether the configuration is installed **and loaded**.
    async fn installation(&self, target: &Target) -> Result<Installation>;

    /// The other targets of the same proxy whose connections an installation for this target may cut.
    fn touched_by_install(&self, _target: &Target) -> Vec<Target> {
        Vec::new()
    }

    /// The same of a switch.
    fn touched_by_switch(&self, _target: &Target) -> Vec<Target> {
        Vec::new()
    }

    /// What an operator should know at every release of the target, whatever is installed. In words, harmless.
    fn warnings(&self, _target: &Target) -> Vec<String> {
        Vec::new()
    }

    /// What an operator should know before the configuration is installed: what the proxy does for all servers and will
    /// not do for this target. In words, harmless.
    async fn install_warnings(&self, _target: &Target) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// What the proxy does for the target, read back over a fresh connection.
    async fn answer(&self, target: &Target) -> Result<ProxyAnswer>;

    /// Everything that the proxy compares a switch with; none where it does not tell.
    async fn pointer(&self, _target: &Target) -> Result<Option<PointerState>> {
        Ok(None)
    }

    /// The calls that [`RouterWriter::rebase`] would make, in words.
    fn describe_rebase(&self, _target: &Target, order: &RebaseOrder) -> Vec<String> {
        vec![format!(
            "proxy: write generation {} and the token of this repair's lock over token {}, only if no other driver wrote it since; no traffic moves",
            order.generation,
            order.from.highest_token()
        )]
    }

    /// The connections between the proxy and a slot.
    async fn connections(&self, target: &Target, slot: Slot) -> Result<Connections>;

    /// What each slot's traffic looked like over the last moments; none where the proxy does not tell.
    async fn rates(&self, _target: &Target) -> Result<PerSlot<Option<Rates>>> {
        Ok(PerSlot::default())
    }

    /// The public's requests that a slot answered since a moment, as far as the proxy tells; none where it tells
    /// nothing. What Greenroom itself asks is not counted.
    async fn traffic(
        &self,
        _target: &Target,
        _slot: Slot,
        _since: Timestamp,
    ) -> Result<Option<RequestCount>> {
        Ok(None)
    }

    /// What the proxy writes down about the target's requests: at most `tail` lines from before,
    /// then what comes. [`super::FailureKind::Unsupported`] where it writes nothing that can be read.
    async fn log(
        &self,
        target: &Target,
        _tail: usize,
    ) -> Result<BoxStream<'static, Result<LogChunk>>> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the proxy",
            format!("reading its log for {target}"),
            "it writes none",
        ))
    }
}

/// Changes the proxy.
#[async_trait]
pub trait RouterWriter: Send + Sync {
    /// What there is to try of what an installation and a switch do. All of it is undone again.
    fn trials(&self) -> Vec<Trial<'_>> {
        Vec::new()
    }

    /// Installs the configuration, tests it as a whole tree, reloads, and reads back that it is
    /// loaded; else puts the old one back and says what happened. Safe to repeat.
    async fn install(&self, target: &Target) -> Result<()>;

    /// Does what of a switch moves no traffic, so that one which cannot be made is known of before anybody
    /// is told that it was. Safe to repeat, and to leave at that.
    async fn make_ready(&self, _target: &Target, _order: &SwitchOrder) -> Result<()> {
        Ok(())
    }

    /// Moves the traffic. When the pointer is `to` with that generation already, nothing changes;
    /// when it is neither `from` nor `to`, that is a conflict.
    async fn switch(&self, target: &Target, order: &SwitchOrder) -> Result<()>;

    /// Lowers the token of the pointer to that of a lock of the current store, if the pointer still is what the order
    /// comes from; otherwise that is a conflict. The traffic stays where it is. Only a repair calls it, under the lock.
    async fn rebase(&self, target: &Target, _order: &RebaseOrder) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the proxy",
            format!("writing the token of the current lock to the pointer of {target}"),
            "it cannot",
        ))
    }
}
