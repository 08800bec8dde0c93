//! Holds that operators place and clear: one key for each target, and a permanent record of each hold. A write
//! succeeds only if the value that was read has not changed. Holds need no lock and change nothing else.

use async_trait::async_trait;

use super::change::{Change, Decision};
use super::reader::StoreReader;
use super::{Store, values};
use crate::history::HoldRecord;
use crate::inventory::{Cleared, Hold, StoredKey, Target};
use crate::ports::kv::{Command, Pair, Write};
use crate::ports::{Failure, FailureKind, Holds, Result};
use crate::sanitize::sanitize;

#[derive(Debug, Clone)]
pub struct StoredHolds {
    store: Store,
}

impl StoredHolds {
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    /// Decides on the current hold, and writes only if the hold has not changed.
    async fn change<T>(
        &self,
        target: &Target,
        doing: &str,
        decide: impl Fn(Option<Hold>) -> Result<Decision<T>>,
    ) -> Result<T> {
        let key = self.store.keys().key(target, StoredKey::Hold);
        Change::without_lock(&self.store, doing, vec![key.clone()])
            .apply(|seen| {
                let current = seen.get(&key).map(|pair| self.read(doing, pair));
                decide(current.transpose()?)
            })
            .await
    }

    /// Writes a hold and its record.
    fn put<T>(&self, doing: &str, target: &Target, hold: &Hold, done: T) -> Result<Decision<T>> {
        let writes = hold_writes(&self.store, doing, target, hold)?;
        Ok(Decision::Write(writes.into(), done))
    }

    /// Reads the current hold. A value that cannot be read may be a hold that stops promotes, so it is not overwritten.
    /// The error is `Unsupported` for the hold of a newer Greenroom, and a conflict for any other unreadable value.
    fn read(&self, doing: &str, pair: &Pair) -> Result<Hold> {
        let wrong = |reason: &str| {
            let key = values::key(pair);
            let show = self.store.kv().command(Command::Show(&key));
            self.conflict(doing, &format!("{key} blocks the change: {reason}"))
                .hint(format!(
                    "read it with `{show}`; greenroom hold with --clear shows and removes it"
                ))
        };
        values::decode(pair)
            .map_err(|unreadable| unreadable.failure(&self.store, doing, pair, wrong))
    }

    fn changed(&self, doing: &str, current: &Hold) -> Failure {
        let reason = format!(
            "the hold has changed since you saw it. It is now: {current}. Read it, then try again"
        );
        self.conflict(doing, &reason)
    }

    fn conflict(&self, doing: &str, reason: &str) -> Failure {
        self.store
            .failure(FailureKind::Conflict, doing, sanitize(reason))
    }
}

/// The writes of a hold: as the current hold and as a permanent record.
pub(super) fn hold_writes(
    store: &Store,
    doing: &str,
    target: &Target,
    hold: &Hold,
) -> Result<[Write; 2]> {
    let key = store.keys().key(target, StoredKey::Hold);
    Ok([
        Write::put(key, values::encode(store, doing, hold)?),
        record_write(store, doing, target, hold)?,
    ])
}

/// The write of the permanent record of a hold.
fn record_write(store: &Store, doing: &str, target: &Target, hold: &Hold) -> Result<Write> {
    let record = HoldRecord::new(target, hold);
    let key = store.keys().one(target, StoredKey::HoldRecord, record.id);
    Ok(Write::put(key, values::encode(store, doing, &record)?))
}

impl StoreReader {
    pub(super) async fn holds_of(&self, target: &Target, limit: usize) -> Result<Vec<HoldRecord>> {
        let doing = format!("listing the holds of {target}");
        let prefix = self.store.keys().below(target, StoredKey::HoldRecord);
        let found = self.newest_below(&doing, &prefix, limit).await?;
        let records = found.iter().filter_map(|pair| {
            let record: HoldRecord = values::decode(pair).ok()?;
            let key = self
                .store
                .keys()
                .one(target, StoredKey::HoldRecord, record.id);
            (pair.key == key.as_bytes() && record.target == *target).then_some(record)
        });
        Ok(records.collect())
    }
}

#[async_trait]
impl Holds for StoredHolds {
    async fn place(&self, target: &Target, hold: &Hold) -> Result<Option<Hold>> {
        let doing = &format!("placing a hold on {target}");
        self.change(target, doing, |current| {
            match current.filter(|current| current.is_active(hold.since)) {
                Some(current) if current == *hold => Ok(Decision::Done(None)),
                Some(current) => Ok(Decision::Done(Some(current))),
                None => self.put(doing, target, hold, None),
            }
        })
        .await
    }

    async fn clear(&self, target: &Target, hold: &Hold, cleared: &Cleared) -> Result<()> {
        let doing = &format!("clearing the hold on {target}");
        let ended = hold.clone().cleared(cleared.clone());
        self.change(target, doing, |current| match current {
            Some(current) if current == ended => Ok(Decision::Done(())),
            Some(current) if current == *hold => self.put(doing, target, &ended, ()),
            Some(current) => Err(self.changed(doing, &current)),
            None => Err(self.conflict(doing, "the hold no longer exists")),
        })
        .await
    }

    async fn replace(
        &self,
        target: &Target,
        hold: &Hold,
        cleared: &Cleared,
        next: &Hold,
    ) -> Result<()> {
        let doing = &format!("replacing the hold on {target}");
        let ended = hold.clone().cleared(cleared.clone());
        self.change(target, doing, |current| match current {
            Some(current) if current == *next => Ok(Decision::Done(())),
            Some(current) if current == *hold => {
                let mut writes = hold_writes(&self.store, doing, target, next)?.to_vec();
                writes.push(record_write(&self.store, doing, target, &ended)?);
                Ok(Decision::Write(writes, ()))
            }
            Some(current) => Err(self.changed(doing, &current)),
            None => Err(self.conflict(doing, "the hold no longer exists")),
        })
        .await
    }

    async fn remove_unreadable(&self, target: &Target, revision: i64, record: &Hold) -> Result<()> {
        let doing = &format!("removing the unreadable hold on {target}");
        let key = self.store.keys().key(target, StoredKey::Hold);
        let id = HoldRecord::new(target, record).id;
        let record_key = self.store.keys().one(target, StoredKey::HoldRecord, id);
        Change::without_lock(&self.store, doing, vec![key.clone(), record_key.clone()])
            .apply(|seen| {
                let Some(pair) = seen.get(&key) else {
                    // An earlier attempt may have succeeded although its answer was lost.
                    return match seen.get(&record_key) {
                        Some(_) => Ok(Decision::Done(())),
                        None => Err(self.conflict(doing, "the hold has already been removed")),
                    };
                };
                if pair.revision != revision {
                    let reason = "another operator or program has changed the hold";
                    return Err(self.conflict(doing, reason));
                }
                let hold = values::decode_replaceable::<Hold>(&self.store, doing, Some(pair))?;
                if hold.is_some() {
                    let reason = "the hold can be read: clear it like any other hold";
                    return Err(self.conflict(doing, reason));
                }
                let put_record = record_write(&self.store, doing, target, record)?;
                Ok(Decision::Write(vec![Write::delete(&key), put_record], ()))
            })
            .await
    }
}
