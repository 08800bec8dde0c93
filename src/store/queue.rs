//! The queue of pushes of each target, one key for each entry. Senders and agents write entries even while a release is
//! running, so no change needs the lock.

use async_trait::async_trait;

use super::change::{Change, Decision};
use super::values::Unreadable;
use super::{Store, values};
use crate::inventory::{EntryId, MOST_PENDING, QueueEntry, StoredKey, Target};
use crate::ports::kv::{Pair, Range, Write};
use crate::ports::{Failure, FailureKind, QueueStore, Queued, Result};

/// How many entries one transaction deletes.
const MOST_DELETED: usize = 50;

#[derive(Debug, Clone)]
pub struct StoredQueue {
    store: Store,
}

impl StoredQueue {
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    fn key(&self, target: &Target, id: &EntryId) -> String {
        self.store.keys().one(target, StoredKey::Queue, id)
    }

    /// Reads an entry that the caller may replace. The error is `Unsupported` for an entry of a newer Greenroom, and a
    /// conflict for any other unreadable value.
    fn read(&self, doing: &str, pair: &Pair, target: &Target) -> Result<QueueEntry> {
        values::decode_queue_entry(pair, target).map_err(|unreadable| {
            unreadable.failure(&self.store, doing, pair, |reason| {
                let message = format!("{}: {reason}", values::key(pair));
                self.conflict(doing, &message)
            })
        })
    }

    fn conflict(&self, doing: &str, message: &str) -> Failure {
        self.store.failure(FailureKind::Conflict, doing, message)
    }
}

#[async_trait]
impl QueueStore for StoredQueue {
    async fn add(&self, entry: &QueueEntry) -> Result<Queued> {
        let target = &entry.target;
        let doing = &format!("adding a push to the queue of {target}");
        let key = self.key(target, &entry.id);
        let prefix = self.store.keys().below(target, StoredKey::Queue);
        let change = Change {
            also_read: vec![Range::below(&prefix)],
            ..Change::without_lock(&self.store, doing, vec![key.clone()])
        };
        change
            .apply(|seen| {
                let stored = seen.get(&key);
                match stored.map(|pair| values::decode_queue_entry(pair, target)) {
                    // A newer Greenroom wrote this entry. It is not replaced.
                    Some(Ok(_) | Err(Unreadable::Newer(_))) => {
                        return Ok(Decision::Done(Queued::Known));
                    }
                    // A wrong value is replaced. Otherwise it would lose the push.
                    Some(Err(Unreadable::Damaged(_))) | None => {}
                }
                // The transaction does not compare the other entries, so concurrent senders may exceed the limit by a
                // few entries.
                let entries = seen.also_read.iter().flatten();
                let pending = entries.filter(|pair| {
                    values::decode_queue_entry(pair, target).is_ok_and(|it| it.state.is_pending())
                });
                if pending.count() >= MOST_PENDING {
                    return Ok(Decision::Done(Queued::Full));
                }
                let value = values::encode(&self.store, doing, entry)?;
                Ok(Decision::Write(vec![Write::put(&key, value)], Queued::New))
            })
            .await
    }

    async fn change(&self, from: &QueueEntry, to: &QueueEntry) -> Result<bool> {
        let target = &from.target;
        let doing = &format!("changing an entry in the queue of {target}");
        if (target, &from.id) != (&to.target, &to.id) {
            let message = "the new entry has another id or target";
            return Err(self.store.failure(FailureKind::Rejected, doing, message));
        }
        let key = self.key(target, &from.id);
        let changed = Change::without_lock(&self.store, doing, vec![key.clone()])
            .apply(|seen| {
                let pair = seen.get(&key);
                let current = pair.map(|pair| self.read(doing, pair, target));
                match current.transpose()? {
                    Some(current) if values::same(&current, to) => Ok(Decision::Done(())),
                    Some(current) if values::same(&current, from) => {
                        let value = values::encode(&self.store, doing, to)?;
                        Ok(Decision::Write(vec![Write::put(&key, value)], ()))
                    }
                    // After a lost answer, this failure becomes ambiguous: the change may have been made before another
                    // process changed the entry again.
                    Some(_) => Err(self.conflict(doing, "the entry has changed since it was read")),
                    None => Err(self.conflict(doing, "the entry no longer exists")),
                }
            })
            .await;
        match changed {
            Ok(()) => Ok(true),
            Err(failure) if failure.kind == FailureKind::Conflict => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn forget(&self, target: &Target, entries: &[EntryId]) -> Result<()> {
        let doing = &format!("deleting old entries in the queue of {target}");
        for chunk in entries.chunks(MOST_DELETED) {
            let keys: Vec<String> = chunk.iter().map(|id| self.key(target, id)).collect();
            Change::without_lock(&self.store, doing, keys.clone())
                .apply(|seen| {
                    let has_ended = |key: &&String| {
                        let pair = seen.get(key);
                        let entry = pair.and_then(|it| values::decode_queue_entry(it, target).ok());
                        entry.is_some_and(|entry| !entry.state.is_pending())
                    };
                    let ended = keys.iter().filter(has_ended);
                    let writes: Vec<Write> = ended.map(Write::delete).collect();
                    Ok(if writes.is_empty() {
                        Decision::Done(())
                    } else {
                        Decision::Write(writes, ())
                    })
                })
                .await?;
        }
        Ok(())
    }
}
