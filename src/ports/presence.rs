//! Presence: which consoles have a target open, and which console requests the handover. Everything that a console
//! writes through this port is bound to the console's own lease and disappears with it. Presence changes no release,
//! so no lock is needed.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{Declined, HandoverRequest, Target, Watcher};

/// Writes the presence that [`super::RegistryReader::read`] returns.
#[async_trait]
pub trait PresenceStore: Send + Sync {
    /// Shows this console at a target until [`PresenceStore::hide`] or [`PresenceStore::leave`] is called. Repeating
    /// the call changes nothing.
    async fn show(&self, target: &Target, watcher: &Watcher) -> Result<()>;

    /// Removes this console from a target.
    async fn hide(&self, target: &Target, console: &str) -> Result<()>;

    /// Requests the handover, unless another console has requested it already. An earlier request of this console is
    /// replaced. Returns the request of the other console, or none if this request was written.
    async fn request_handover(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<Option<HandoverRequest>>;

    /// Declines exactly this request, if it still exists.
    async fn decline(
        &self,
        target: &Target,
        request: &HandoverRequest,
        answer: &Declined,
    ) -> Result<()>;

    /// Withdraws exactly this request, answered or not, if it still exists.
    async fn withdraw(&self, target: &Target, request: &HandoverRequest) -> Result<()>;

    /// Ends the lease, and with it everything that this console has written.
    async fn leave(&self) -> Result<()>;
}
