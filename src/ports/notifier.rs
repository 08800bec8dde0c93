//! Telling people who do not look: one channel each.

use async_trait::async_trait;

use super::Result;
use crate::history::Notice;

/// One channel that is told what happens. Nothing waits for it, and nothing depends on it.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a notice; sending it again sends the same one, with the same name. A failure whose
    /// [kind may pass](super::FailureKind::may_pass) is worth another try.
    async fn notify(&self, notice: &Notice) -> Result<()>;

    /// Where it sends to, in words without secrets, once everything that sending needs is there; nobody is told
    /// anything.
    async fn ready(&self) -> Result<String>;
}
