//! Channels that send notices to people who do not have a console open.

use async_trait::async_trait;

use super::Result;
use crate::history::Notice;

/// One channel for notices. A release does not wait for a channel and continues if a notice cannot be sent.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a notice. After a failure that [may be temporary](super::FailureKind::may_be_temporary), the caller may
    /// call again with the same notice.
    async fn notify(&self, notice: &Notice) -> Result<()>;

    /// Checks that everything needed to send a notice is available, without sending one. Returns the receiver of the
    /// notices, without secrets.
    async fn ready(&self) -> Result<String>;
}
