//! Writes the journal of a release. A journal must stay small, because it is in the store that every console watches.

use super::change::{Change, Decision};
use super::values::{self, Unreadable, same};
use super::writer::StoreWriter;
use crate::history::{Entry, ReleaseRecord, RepairRecord};
use crate::inventory::{ReleaseId, StoredKey, Target};
use crate::ports::kv::{Pair, Range, Write};
use crate::ports::{Failure, FailureKind, Fence, JournalWriter, Result};
use async_trait::async_trait;

/// The largest head of an open release, in bytes. Closing the release may add [`CLOSING`].
const LARGEST_HEAD: usize = 12 * 1024;
/// The bytes that the outcome of a release may add to its head.
const CLOSING: usize = 4 * 1024;
/// The largest size of all entries of a release together, in bytes. With its head, a release has less than 64 KiB.
const LARGEST_JOURNAL: usize = 47 * 1024;
/// The bytes of a journal that only small entries may use. So a release can continue and end even if its journal is
/// nearly full.
const KEPT_FREE: usize = 8 * 1024;
/// The largest small entry, in bytes. A larger entry may not use the reserved bytes.
const SMALL_ENTRY: usize = 1024;

#[async_trait]
impl JournalWriter for StoreWriter {
    async fn head(&self, record: &ReleaseRecord, fence: &Fence) -> Result<()> {
        let target = &record.target;
        let verb = if record.closed.is_some() {
            "closing"
        } else {
            "opening"
        };
        let doing = &format!("{verb} release {} of {target}", record.id);
        let key = self
            .store
            .keys()
            .one(target, StoredKey::Releases, record.id);
        let value = values::encode(&self.store, doing, record)?;
        let room = LARGEST_HEAD + record.closed.as_ref().map_or(0, |_| CLOSING);
        if value.len() > room {
            return Err(self.too_large(doing, "the record of the release", value.len(), room));
        }
        self.change(target, fence, doing, vec![key.clone()])
            .apply(|seen| {
                let write = Decision::Write(vec![Write::put(&key, value.as_str())], ());
                let Some(pair) = seen.get(&key) else {
                    return Ok(write);
                };
                let conflict = |reason: &str| self.differs(doing, pair, reason);
                let current: ReleaseRecord = values::decode(pair)
                    .map_err(|unreadable| self.unreadable(doing, pair, unreadable))?;
                if same(&current, record) {
                    return Ok(Decision::Done(()));
                }
                if current.closed.is_none() && same(&current, &record.opening()) {
                    return Ok(write);
                }
                Err(conflict("a different record is already stored"))
            })
            .await
    }

    async fn append(
        &self,
        target: &Target,
        release: ReleaseId,
        entry: &Entry,
        fence: &Fence,
    ) -> Result<()> {
        let doing = &format!(
            "writing entry {} of release {release} of {target}",
            entry.sequence
        );
        let keys = self.store.keys();
        let key = keys.entry(target, release, entry.sequence);
        let head = keys.one(target, StoredKey::Releases, release);
        let before = (entry.sequence > 1).then(|| keys.entry(target, release, entry.sequence - 1));
        let value = values::encode(&self.store, doing, entry)?;
        let mut on = vec![key.clone(), head.clone()];
        on.extend(before.clone());
        let change = Change {
            also_read: vec![Range::below(&keys.entries(target, release))],
            ..self.change(target, fence, doing, on)
        };
        change
            .apply(|seen| {
                if let Some(pair) = seen.get(&key) {
                    let current: Entry = values::decode(pair)
                        .map_err(|unreadable| self.unreadable(doing, pair, unreadable))?;
                    if same(&current, entry) {
                        return Ok(Decision::Done(()));
                    }
                    return Err(self.differs(doing, pair, "a different entry is already stored"));
                }
                if seen.get(&head).is_none() {
                    let reason = "the store has no record of this release";
                    return Err(self.store.failure(FailureKind::Missing, doing, reason));
                }
                if let Some(before) = &before
                    && seen.get(before).is_none()
                {
                    let reason = format!("entry {} does not exist", entry.sequence - 1);
                    return Err(self.store.failure(FailureKind::Conflict, doing, reason));
                }
                self.check_room(doing, seen.also_read.iter().flatten(), value.len())?;
                let put = Write::put(&key, value.as_str());
                Ok(Decision::Write(vec![put], ()))
            })
            .await
    }

    async fn repair(&self, record: &RepairRecord, fence: &Fence) -> Result<()> {
        self.write_repair(record, fence).await
    }
}

impl StoreWriter {
    /// Checks that one more entry fits in the journal of a release.
    fn check_room<'p>(
        &self,
        doing: &str,
        others: impl Iterator<Item = &'p Pair>,
        size: usize,
    ) -> Result<()> {
        let others: usize = others.map(|pair| pair.value.len()).sum();
        let room = if size <= SMALL_ENTRY {
            LARGEST_JOURNAL
        } else {
            LARGEST_JOURNAL - KEPT_FREE
        };
        if others + size <= room {
            return Ok(());
        }
        Err(self.too_large(doing, "the journal of the release", others + size, room))
    }

    fn too_large(&self, doing: &str, part: &str, size: usize, room: usize) -> Failure {
        let message = format!("{part} would have {size} bytes, but at most {room} are allowed");
        self.store
            .failure(FailureKind::Rejected, doing, message)
            .hint("long reasons and many checks make a release large: give shorter reasons, or configure fewer checks")
    }

    /// The failure if a stored record that may not be replaced cannot be read.
    pub(super) fn unreadable(&self, doing: &str, pair: &Pair, unreadable: Unreadable) -> Failure {
        unreadable.failure(&self.store, doing, pair, |reason| {
            self.differs(doing, pair, reason)
        })
    }

    pub(super) fn differs(&self, doing: &str, pair: &Pair, reason: &str) -> Failure {
        let message = format!("{}: {reason}", values::key(pair));
        self.store.failure(FailureKind::Conflict, doing, message)
    }
}
