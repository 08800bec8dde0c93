//! Stores reported pushes in the queues of the targets that follow their tags.

use std::sync::Arc;

use async_trait::async_trait;

use crate::inventory::{Push, QueueEntry};
use crate::ports::{PushReceiver, Queued, Received, Result};
use crate::release::{Engine, Site};

pub(super) struct Receiver {
    engine: Arc<Engine>,
}

impl Receiver {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl PushReceiver for Receiver {
    async fn receive(&self, push: Push) -> Result<Received> {
        let is_for = |site: &&Site| push.is_for(&site.definition.repository);
        let mut of_repository = self.engine.sites().filter(is_for).peekable();
        if of_repository.peek().is_none() {
            return Ok(Received::UnknownRepository);
        }
        let mut queued = Vec::new();
        for site in of_repository {
            let definition = &site.definition;
            let follows = |pattern: &crate::inventory::TagPattern| pattern.matches(&push.tag);
            // A read-only process does not run an agent.
            let Some(write) = site
                .write
                .as_ref()
                .filter(|_| definition.follows.iter().any(follows))
            else {
                continue;
            };
            let entry = QueueEntry::new(&definition.target, push.clone());
            match write.store.queue.add(&entry).await? {
                Queued::New | Queued::Known => queued.push(definition.target.clone()),
                Queued::Full => return Ok(Received::Full(definition.target.clone())),
            }
        }
        Ok(if queued.is_empty() {
            Received::NotFollowed
        } else {
            Received::Queued(queued)
        })
    }
}
