//! What the inbox does with a push that a sender reports.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{Push, Target};

/// What became of a reported push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The push is in the queue of these targets. It may have been there before.
    Queued(Vec<Target>),
    /// The repository is configured, but no target follows the tag.
    NotFollowed,
    /// No service has this repository.
    UnknownRepository,
    /// The queue of this target has as many pending entries as it may have.
    Full(Target),
}

#[async_trait]
pub trait PushReceiver: Send + Sync {
    /// Stores the push in the queue of every target that follows it. The push is durable when the call returns. After a
    /// failure, the sender must report the push again: some queues may have it already, and others not.
    async fn receive(&self, push: Push) -> Result<Received>;
}
