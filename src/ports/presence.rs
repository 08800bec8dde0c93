//! Who else is at a target: which consoles have it open, and who requests the handover. Everything a console
//! says here stands on a lease of that console, and goes when the console does. Nothing here changes what
//! runs, and no lock is needed for it.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{Declined, HandoverRequest, Target, Watcher};

/// Writes what is read back with [`super::RegistryReader::read`].
#[async_trait]
pub trait PresenceStore: Send + Sync {
    /// Shows this console at a target, until it is [gone](PresenceStore::gone) from there. Repeating it
    /// changes nothing.
    async fn here(&self, target: &Target, watcher: &Watcher) -> Result<()>;

    /// Shows it there no more.
    async fn gone(&self, target: &Target, console: &str) -> Result<()>;

    /// Requests the handover, where nobody else does. One of this very console before it is replaced.
    /// Whoever asks already is the answer; none where it is ours now.
    async fn ask(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<Option<HandoverRequest>>;

    /// Says no to exactly this asking, if it still stands.
    async fn decline(&self, target: &Target, asked: &HandoverRequest, no: &Declined) -> Result<()>;

    /// Takes exactly this asking back, answered or not, if it still stands.
    async fn withdraw(&self, target: &Target, asked: &HandoverRequest) -> Result<()>;

    /// Ends the lease, and with it everything that this console has said.
    async fn leave(&self) -> Result<()>;
}
