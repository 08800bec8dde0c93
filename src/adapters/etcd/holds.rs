//! Holds that operators place and clear: one key for each target, and a permanent record of each hold. A write
//! succeeds only if the value that was read has not changed. Holds need no lock and change nothing else.

use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, KeyValue, Txn, TxnOp};
use tokio::time::{Instant, sleep};

use super::error::Sort;
use super::reader::EtcdReader;
use super::store::{Store, one};
use super::values;
use crate::history::HoldRecord;
use crate::inventory::{Cleared, Hold, Target};
use crate::ports::{Failure, FailureKind, Holds, Result};
use crate::sanitize::sanitize;

/// The holds of a cluster.
#[derive(Debug, Clone)]
pub struct EtcdHolds {
    store: Store,
}

/// How to change the current hold.
enum Answer<T> {
    Done(T),
    Put(Box<Hold>, T),
    /// Ends one hold and places another in one transaction.
    Replace {
        ended: Box<Hold>,
        next: Box<Hold>,
        done: T,
    },
}

impl EtcdHolds {
    /// The holds of the cluster of `store`. Does not connect yet.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    /// Decides on the current hold, and writes only if it has not changed. After a conflict or a lost answer, reads it
    /// and decides again.
    async fn change<T>(
        &self,
        target: &Target,
        doing: &str,
        decide: impl Fn(Option<Hold>) -> Result<Answer<T>>,
    ) -> Result<T> {
        let key = &self.store.keys().hold(target);
        let until = self.store.deadline();
        loop {
            let (_, found) = self.store.ranges(doing, until, vec![one(key)]).await?;
            let pair = found.into_iter().flatten().next();
            let current = match &pair {
                Some(pair) => Some(self.read(doing, pair)?),
                None => None,
            };
            let (ended, hold, done) = match decide(current)? {
                Answer::Done(done) => return Ok(done),
                Answer::Put(hold, done) => (None, hold, done),
                Answer::Replace { ended, next, done } => (Some(ended), next, done),
            };
            let mut writes = written(&self.store, doing, target, &hold)?.to_vec();
            if let Some(ended) = ended {
                writes.push(record(&self.store, doing, target, &ended)?);
            }
            let revision = pair.as_ref().map_or(0, KeyValue::mod_revision);
            let compare = Compare::mod_revision(key.as_str(), CompareOp::Equal, revision);
            let txn = Txn::new().when([compare]).and_then(writes);
            let answer = self
                .store
                .attempt(until, |client| {
                    let txn = txn.clone();
                    async move { client.kv_client().txn(txn).await }
                })
                .await;
            match answer {
                Ok(answer) if answer.succeeded() => return Ok(done),
                Ok(_) => {}
                Err(error) if error.sort == Sort::Unclear && Instant::now() < until => {}
                Err(error) => return Err(self.store.unanswered(doing, error)),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Reads the current hold. A value that cannot be read may be a hold that stops promotes, so it is a conflict and
    /// is not overwritten.
    fn read(&self, doing: &str, pair: &KeyValue) -> Result<Hold> {
        values::decode(pair).map_err(|reason| {
            let key = values::key(pair);
            self.conflict(doing, &format!("{key} blocks the change: {reason}"))
                .hint(format!(
                    "read it with `etcdctl get {key}`; greenroom hold with --clear shows and removes it"
                ))
        })
    }

    fn conflict(&self, doing: &str, reason: &str) -> Failure {
        self.store
            .failure(FailureKind::Conflict, doing, sanitize(reason))
    }
}

/// The operations that write a hold as the current value and as a record, both or none.
pub(super) fn written(
    store: &Store,
    doing: &str,
    target: &Target,
    hold: &Hold,
) -> Result<[TxnOp; 2]> {
    Ok([
        TxnOp::put(
            store.keys().hold(target),
            values::encode(store, doing, hold)?,
            None,
        ),
        record(store, doing, target, hold)?,
    ])
}

/// The operation that writes only the record of a hold.
fn record(store: &Store, doing: &str, target: &Target, hold: &Hold) -> Result<TxnOp> {
    let record = HoldRecord::new(target, hold);
    let key = store.keys().hold_record(target, record.id);
    Ok(TxnOp::put(
        key,
        values::encode(store, doing, &record)?,
        None,
    ))
}

impl EtcdReader {
    pub(super) async fn holds_of(&self, target: &Target, limit: usize) -> Result<Vec<HoldRecord>> {
        let doing = format!("listing the holds of {target}");
        let found = self.newest_below(&doing, self.store.keys().holds(target), limit);
        let records = found.await?.into_iter().filter_map(|pair| {
            let record: HoldRecord = values::decode(&pair).ok()?;
            let key = self.store.keys().hold_record(target, record.id);
            (pair.key() == key.as_bytes() && record.target == *target).then_some(record)
        });
        Ok(records.collect())
    }
}

#[async_trait]
impl Holds for EtcdHolds {
    async fn place(&self, target: &Target, hold: &Hold) -> Result<Option<Hold>> {
        let doing = &format!("placing a hold on {target}");
        self.change(target, doing, |current| {
            Ok(
                match current.filter(|current| current.is_active(hold.since)) {
                    Some(current) if current == *hold => Answer::Done(None),
                    Some(current) => Answer::Done(Some(current)),
                    None => Answer::Put(Box::new(hold.clone()), None),
                },
            )
        })
        .await
    }

    async fn clear(&self, target: &Target, hold: &Hold, cleared: &Cleared) -> Result<()> {
        let doing = &format!("clearing the hold on {target}");
        let ended = hold.clone().cleared(cleared.clone());
        self.change(target, doing, |current| match current {
            Some(current) if current == ended => Ok(Answer::Done(())),
            Some(current) if current == *hold => Ok(Answer::Put(Box::new(ended.clone()), ())),
            Some(current) => Err(self.conflict(doing, &format!("the hold has changed since you saw it. It is now: {current}. Read it, then try again"))),
            None => Err(self.conflict(doing, "the hold has already been cleared")),
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
            Some(current) if current == *next => Ok(Answer::Done(())),
            Some(current) if current == *hold => Ok(Answer::Replace {
                ended: Box::new(ended.clone()),
                next: Box::new(next.clone()),
                done: (),
            }),
            Some(current) => Err(self.conflict(doing, &format!("the hold has changed since you saw it. It is now: {current}. Read it, then try again"))),
            None => Err(self.conflict(doing, "the hold has already been cleared")),
        })
        .await
    }

    async fn remove_unreadable(&self, target: &Target, revision: i64, kept: &Hold) -> Result<()> {
        let doing = &format!("removing the unreadable hold on {target}");
        let key = &self.store.keys().hold(target);
        let until = self.store.deadline();
        let record_key = self
            .store
            .keys()
            .hold_record(target, HoldRecord::new(target, kept).id);
        loop {
            let reads = vec![one(key), one(&record_key)];
            let (_, found) = self.store.ranges(doing, until, reads).await?;
            let mut found = found.into_iter().map(|pairs| pairs.into_iter().next());
            let (hold, recorded) = (found.next().flatten(), found.next().flatten());
            let Some(pair) = hold else {
                // An earlier attempt may have succeeded, with its answer lost.
                return match recorded {
                    Some(_) => Ok(()),
                    None => Err(self.conflict(doing, "the hold has already been removed")),
                };
            };
            if pair.mod_revision() != revision {
                let reason = "another operator or program has changed the hold";
                return Err(self.conflict(doing, reason));
            }
            if values::decode::<Hold>(&pair).is_ok() {
                return Err(
                    self.conflict(doing, "the hold can be read: clear it like any other hold")
                );
            }
            let compare = Compare::mod_revision(key.as_str(), CompareOp::Equal, revision);
            let writes = [
                TxnOp::delete(key.as_str(), None),
                record(&self.store, doing, target, kept)?,
            ];
            let txn = Txn::new().when([compare]).and_then(writes);
            let answer = self
                .store
                .attempt(until, |client| {
                    let txn = txn.clone();
                    async move { client.kv_client().txn(txn).await }
                })
                .await;
            match answer {
                Ok(answer) if answer.succeeded() => return Ok(()),
                Ok(_) => {}
                Err(error) if error.sort == Sort::Unclear && Instant::now() < until => {}
                Err(error) => return Err(self.store.unanswered(doing, error)),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
