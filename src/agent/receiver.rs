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
        let (mut queued, mut full) = (Vec::new(), None);
        for site in of_repository {
            let definition = &site.definition;
            // A read-only process does not run an agent.
            let write = site
                .write
                .as_ref()
                .filter(|_| definition.follows_tag(&push.tag));
            let Some(write) = write else {
                continue;
            };
            let target = definition.target.clone();
            match write
                .store
                .queue
                .add(&QueueEntry::new(&target, push.clone()))
                .await?
            {
                Queued::New | Queued::Known => queued.push(target),
                Queued::Full => full = Some(target),
            }
        }
        Ok(match full {
            // The sender repeats the report, which changes nothing in the other queues.
            Some(target) => Received::Full(target),
            None if queued.is_empty() => Received::NotFollowed,
            None => Received::Queued(queued),
        })
    }
}
