//! Notices to people who do not look at the console: one channel each.

use async_trait::async_trait;

use super::Result;
use crate::history::Notice;

/// One channel that gets notices. No release waits for it or depends on it.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a notice. A second call sends the same one with the same name. A failure whose
    /// [kind may pass](super::FailureKind::may_pass) is worth another try.
    async fn notify(&self, notice: &Notice) -> Result<()>;

    /// Checks that everything needed to send is available, without sending. Returns where notices go, without
    /// secrets.
    async fn ready(&self) -> Result<String>;
}
