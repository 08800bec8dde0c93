//! What operators do with the queue of a target: list its entries, dismiss one, retry one, and report a push without a
//! webhook. This needs no lock. An agent may change an entry at the same time, so each change is decided again if the
//! entry has changed.

use std::sync::Arc;

use super::{Engine, unknown};
use crate::inventory::{
    Digest, EntryId, EntryState, Push, PushSource, QueueEntry, Retry, ServiceName, Target,
    newest_first,
};
use crate::ports::{QueueStore, Queued};
use crate::release::{Definition, QueueRefusal, Refusal, Refused};
use crate::sanitize::sanitize;

/// How many times a change is tried if agents keep changing the entry.
const ATTEMPTS: usize = 5;

/// A push that an operator or a CI job reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    pub service: ServiceName,
    pub tag: String,
    /// The digest that the tag names, if the sender knows it.
    pub digest: Option<Digest>,
}

/// What became of a notification in the queue of one target.
pub type Notified = (Target, Result<QueueEntry, Refusal>);

impl Engine {
    /// The entries of the queue of a target, newest first. Entries that cannot be read are left out.
    pub async fn queue(&self, target: &Target) -> Result<Vec<QueueEntry>, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let record = site.read.registry.read(target).await;
        let record = record.map_err(|failure| unknown("which pushes are queued", &failure))?;
        let mut queue = record.queue;
        newest_first(&mut queue);
        Ok(queue)
    }

    /// Finds an entry of a target by its id, or by at least four digits from the beginning of its id.
    pub async fn named_entry(&self, target: &Target, named: &str) -> Result<EntryId, Refused> {
        let queue = self.queue(target).await?;
        let matching = queue.into_iter().map(|entry| entry.id);
        let matching: Vec<EntryId> = matching.filter(|id| id.is_meant_by(named)).collect();
        match matching.as_slice() {
            [id] => Ok(id.clone()),
            [] => Err(no_entry(target, named)),
            _ => Err(QueueRefusal::SeveralEntriesNamed {
                named: sanitize(named),
                several: matching,
            }
            .into()),
        }
    }

    /// Dismisses a waiting or offered entry, so that no agent releases it. Returns the dismissed entry.
    pub async fn dismiss(
        &self,
        target: &Target,
        id: &EntryId,
        reason: Option<String>,
    ) -> Result<QueueEntry, Refused> {
        let reason = reason.map(|reason| sanitize(&reason));
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        self.change_entry(target, id, |entry| {
            if !entry.state.is_dismissable() {
                return Err(QueueRefusal::NotDismissable(Box::new(entry.clone())).into());
            }
            let by = self.operator.clone();
            let reason = reason.clone();
            Ok(entry.becomes(EntryState::Dismissed { by, reason }, self.clock.now()))
        })
        .await
    }

    /// Makes an entry wait again that failed or was refused, dismissed or skipped. Its version may then be released
    /// although it has failed before. Returns the waiting entry.
    pub async fn retry(&self, target: &Target, id: &EntryId) -> Result<QueueEntry, Refused> {
        self.change_entry(target, id, |entry| {
            if !entry.state.is_retryable() {
                return Err(QueueRefusal::NotRetryable(Box::new(entry.clone())).into());
            }
            Ok(entry.retry(Retry {
                by: self.operator.clone(),
                at: self.clock.now(),
            }))
        })
        .await
    }

    async fn change_entry(
        &self,
        target: &Target,
        id: &EntryId,
        decide: impl Fn(&QueueEntry) -> Result<QueueEntry, Refused>,
    ) -> Result<QueueEntry, Refused> {
        let store = self.queue_store(target)?;
        for _ in 0..ATTEMPTS {
            let queue = self.queue(target).await?;
            let Some(entry) = queue.iter().find(|entry| entry.id == *id) else {
                return Err(no_entry(target, id.as_str()));
            };
            let changed = decide(entry)?;
            match store.change(entry, &changed).await {
                Ok(true) => return Ok(changed),
                Ok(false) => {}
                Err(failure) => return Err(unknown("whether the entry was changed", &failure)),
            }
        }
        Err(QueueRefusal::EntryChanging(id.clone()).into())
    }

    /// Reports a push: adds it to the queue of every target of the service that follows the tag. Refused if no target
    /// follows it. Returns what became of the push in each of these queues.
    pub async fn notify(&self, notification: &Notification) -> Result<Vec<Notified>, Refused> {
        let Notification {
            service,
            tag,
            digest,
        } = notification;
        let definitions = self.sites.values().map(|site| &site.definition);
        let definitions: Vec<&Definition> = definitions
            .filter(|it| it.target.service == *service)
            .collect();
        // All targets get the same delivery, so that the push has the same id in all queues.
        let delivery = ulid::Ulid::generate().to_string();
        let operator = self.operator.to_string();
        let mut additions = Vec::new();
        for definition in definitions.iter().filter(|it| it.follows_tag(tag)) {
            let target = &definition.target;
            let now = self.clock.now();
            let source = PushSource::Notify;
            let push = Push::new(&definition.repository, tag, source, &delivery, now);
            let push = push.map_err(|bad| QueueRefusal::BadPush(sanitize(&bad.to_string())))?;
            let push = push.digest(digest.clone()).by(Some(&operator));
            additions.push((self.queue_store(target)?, QueueEntry::new(target, push)));
        }
        if additions.is_empty() {
            let follows = definitions.into_iter();
            let follows = follows.map(|it| (it.target.environment.clone(), it.follows.clone()));
            return Err(QueueRefusal::TagNotFollowed {
                service: service.clone(),
                tag: sanitize(tag),
                follows: follows.collect(),
            }
            .into());
        }
        let mut notified = Vec::new();
        for (store, entry) in additions {
            let target = entry.target.clone();
            let added = match store.add(&entry).await {
                Ok(Queued::New | Queued::Known) => Ok(entry),
                Ok(Queued::Full) => Err(Refusal::OfQueue(QueueRefusal::QueueFull(target.clone()))),
                Err(failure) => Err(Refusal::Unknown {
                    fact: "whether the push was queued".to_owned(),
                    why: failure.to_string(),
                }),
            };
            notified.push((target, added));
        }
        Ok(notified)
    }

    fn queue_store(&self, target: &Target) -> Result<&Arc<dyn QueueStore>, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let write = site.write.as_ref().ok_or(Refusal::ReadOnly)?;
        Ok(&write.store.queue)
    }
}

fn no_entry(target: &Target, named: &str) -> Refused {
    QueueRefusal::NoEntryNamed {
        target: target.clone(),
        named: sanitize(named),
    }
    .into()
}
