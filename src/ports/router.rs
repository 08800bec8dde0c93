//! The proxy that routes the traffic: one edge of each of its targets. A pointer tells the proxy which slot is live.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::{DoctorTest, Failure, FailureKind, LogChunk, Result};
use crate::inventory::{
    Connections, Installation, PerSlot, PointerState, ProxyAnswer, Rates, RebaseOrder,
    RequestCount, Slot, SwitchOrder, Target,
};

#[async_trait]
pub trait RouterReader: Send + Sync {
    /// The kind and address of the proxy, for messages.
    fn address(&self) -> String {
        "the proxy".to_owned()
    }

    /// The name and version of the proxy, e.g. `nginx/1.22.1`.
    async fn proxy(&self) -> Result<String>;

    /// Tests for `greenroom doctor` that change nothing.
    fn doctor_tests(&self) -> Vec<DoctorTest<'_>> {
        vec![DoctorTest::new("proxy", self.proxy())]
    }

    /// The calls that [`RouterWriter::install`] would make, as shown in the plan.
    fn describe_install(&self, target: &Target) -> Vec<String>;

    /// The calls that [`RouterWriter::switch`] would make. The text says whether the switch may break connections.
    fn describe_switch(&self, target: &Target, order: &SwitchOrder) -> Vec<String>;

    /// Whether the configuration is installed **and loaded**.
    async fn installation(&self, target: &Target) -> Result<Installation>;

    /// The other targets of the same proxy whose connections an installation for this target may break.
    fn touched_by_install(&self, _target: &Target) -> Vec<Target> {
        Vec::new()
    }

    /// The other targets of the same proxy whose connections a switch of this target may break.
    fn touched_by_switch(&self, _target: &Target) -> Vec<Target> {
        Vec::new()
    }

    /// Warnings that apply to every release of the target, with any installed configuration. The texts are safe to
    /// show.
    fn warnings(&self, _target: &Target) -> Vec<String> {
        Vec::new()
    }

    /// Warnings about settings that the proxy uses for all of its servers and that do not work for this target. The
    /// plan shows the warnings before an installation. The texts are safe to show.
    async fn install_warnings(&self, _target: &Target) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// How the proxy routes the target, as the proxy reports it over a new connection.
    async fn answer(&self, target: &Target) -> Result<ProxyAnswer>;

    /// The pointer that a switch would compare; none if the proxy does not report the pointer.
    async fn pointer(&self, _target: &Target) -> Result<Option<PointerState>> {
        Ok(None)
    }

    /// The calls that [`RouterWriter::rebase`] would make.
    fn describe_rebase(&self, _target: &Target, order: &RebaseOrder) -> Vec<String> {
        vec![format!(
            "proxy: if the pointer is unchanged, write generation {} and the token of this repair's lock in place of token {}; no traffic moves",
            order.generation,
            order.from.highest_token()
        )]
    }

    /// The connections between the proxy and a slot.
    async fn connections(&self, target: &Target, slot: Slot) -> Result<Connections>;

    /// The recent traffic of each slot; none if the proxy does not report it.
    async fn rates(&self, _target: &Target) -> Result<PerSlot<Option<Rates>>> {
        Ok(PerSlot::default())
    }

    /// The number of public requests that a slot has answered since a time; none if the proxy does not report it.
    /// Greenroom's own requests are not counted.
    async fn traffic(
        &self,
        _target: &Target,
        _slot: Slot,
        _since: Timestamp,
    ) -> Result<Option<RequestCount>> {
        Ok(None)
    }

    /// The proxy's log of the target's requests: at most `tail` existing lines, then new ones.
    /// [`super::FailureKind::Unsupported`] if the proxy writes no log that can be read.
    async fn log(
        &self,
        target: &Target,
        _tail: usize,
    ) -> Result<BoxStream<'static, Result<LogChunk>>> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the proxy",
            format!("reading the log of {target}"),
            "the proxy writes no log that can be read",
        ))
    }
}

#[async_trait]
pub trait RouterWriter: Send + Sync {
    /// Tests for `greenroom doctor` that do what an installation and a switch do, and undo their changes.
    fn doctor_tests(&self) -> Vec<DoctorTest<'_>> {
        Vec::new()
    }

    /// Installs the configuration, tests the whole configuration tree, reloads the proxy, and checks that the
    /// configuration is loaded. If that fails, restores the old configuration and returns the failure. Safe to repeat.
    async fn install(&self, target: &Target) -> Result<()>;

    /// Prepares a switch without moving traffic. The caller does this before it changes the route in the store, so a
    /// switch that cannot be prepared fails before that change. Safe to repeat, even if no switch follows.
    async fn make_ready(&self, _target: &Target, _order: &SwitchOrder) -> Result<()> {
        Ok(())
    }

    /// Moves the traffic. If the pointer is already at `order.to` with the generation of the order, nothing changes.
    /// Any other pointer than `order.from` is a conflict.
    async fn switch(&self, target: &Target, order: &SwitchOrder) -> Result<()>;

    /// Writes the generation and the token of `order` to the pointer, although that token is lower than the token in
    /// the pointer. It is a conflict if the pointer is no longer `order.from`. No traffic moves. Only a repair calls
    /// this, while it holds the lock.
    async fn rebase(&self, target: &Target, _order: &RebaseOrder) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the proxy",
            format!("writing the token of the current lock to the pointer of {target}"),
            "the proxy does not support this change",
        ))
    }
}
