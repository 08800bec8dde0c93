//! Takes and releases locks. A lock is a key on a lease. A lock is written only if the key does not exist, if
//! it still has the lock that is taken over, or if the stored lock is treated as expired. The revision of that write is
//! the fencing token.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::Store;
use super::change::{Change, CurrentValues, Decision};
use super::heartbeat::{self, Held};
use super::values::{self, Unreadable};
use crate::inventory::{FencingToken, LONGEST_LEASE, LockHolder, LockRecord, StoredKey, Target};
use crate::ports::kv::{Call, Command, LeaseId, Pair, Write};
use crate::ports::{Acquired, FailureKind, Fence, JournalEnd, Locks, Result};

/// How much longer than [`LONGEST_LEASE`] a lock may last before it is treated as expired. A clock that is set back a
/// little, and an etcd node that becomes the leader, extend the leases of drivers that are running.
const LEASE_TOLERANCE: Duration = Duration::from_mins(1);

/// How long a lock lives without a renewal, and how often it is renewed.
#[derive(Debug, Clone, Copy)]
pub struct LockTimes {
    /// The time to live of the lease. A store may grant more, and etcd grants whole seconds.
    pub lease: Duration,
    /// The time between two renewals, at most a third of the lease.
    pub heartbeat: Duration,
}

impl Default for LockTimes {
    /// A lease of 30 seconds, renewed every 10.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, Clone)]
pub struct StoredLocks {
    store: Store,
    times: LockTimes,
}

impl StoredLocks {
    /// If the time between two heartbeats is longer than a third of the lease, it is shortened to a third. So there is
    /// time for another renewal after a lost one.
    pub fn new(store: &Store, mut times: LockTimes) -> Self {
        times.heartbeat = times.heartbeat.min(times.lease / 3);
        Self {
            store: store.clone(),
            times,
        }
    }
}

/// A lock as it is stored.
pub(super) enum LockStatus {
    Held(LockHolder),
    /// The lock expires later than any lease lasts. No driver can set a time so far ahead, so the lock is treated as
    /// expired, and the next driver takes it over. The text says this.
    Endless(String),
    /// The reason. For a wrong value, it also says what the operator can do.
    Unreadable(Unreadable),
}

/// The token of a lock: the revision of the write of its key. Each holder writes the key once, so a takeover makes a
/// new token in one transaction.
pub(super) fn token(pair: &Pair) -> FencingToken {
    FencingToken(pair.revision)
}

pub(super) async fn lock_status(store: &Store, call: Call<'_>, pair: &Pair) -> LockStatus {
    let ttl_seconds = match pair.lease {
        Some(lease) => seconds_left(store, call, lease).await,
        None => None,
    };
    let longest = LONGEST_LEASE + LEASE_TOLERANCE;
    let longest = i64::try_from(longest.as_secs()).unwrap_or(i64::MAX);
    if let Some(seconds) = ttl_seconds
        && seconds > longest
    {
        return LockStatus::Endless(format!(
            "the lock expires in {} minutes. No driver can set a time so far ahead: a clock was wrong, or another program wrote the lock. Greenroom treats the lock as expired, and the next driver takes it over",
            seconds / 60
        ));
    }
    match values::decode::<LockRecord>(pair) {
        Ok(record) => LockStatus::Held(LockHolder {
            record,
            token: token(pair),
            ttl_seconds,
        }),
        Err(Unreadable::Damaged(reason)) => {
            let reason = unreadable(store, pair, &reason);
            LockStatus::Unreadable(Unreadable::Damaged(reason))
        }
        Err(newer) => LockStatus::Unreadable(newer),
    }
}

/// Says why a lock cannot be read and what the operator can do. While the lock exists, no release can start or be
/// resumed.
fn unreadable(store: &Store, pair: &Pair, reason: &str) -> String {
    let key = String::from_utf8_lossy(&pair.key);
    let ends = match pair.lease {
        None => "the lock has no lease, so it remains until an operator deletes it",
        Some(_) => "the lock has a lease, so it expires after its holder exits",
    };
    let show = store.kv().command(Command::Show(&key));
    let delete = store.kv().command(Command::Delete(&key));
    format!(
        "{reason}; {ends}: read it with `{show}`, and if no console drives a release of this target, delete it with `{delete}`"
    )
}

/// The seconds left on a lease, rounded up; 0 if the lease has ended, and none if the store does not say.
pub(super) async fn seconds_left(store: &Store, call: Call<'_>, lease: LeaseId) -> Option<i64> {
    let left = store.kv().time_left(call, lease).await.ok()?;
    let left = left.unwrap_or_default();
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    i64::try_from(seconds).ok()
}

#[async_trait]
impl Locks for StoredLocks {
    async fn acquire(&self, target: &Target, record: &LockRecord) -> Result<Acquired> {
        self.take(target, record, None, None).await
    }

    async fn take_over(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
    ) -> Result<Acquired> {
        self.take(target, record, Some(from), None).await
    }

    async fn take_over_at_rest(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
        end: JournalEnd,
    ) -> Result<Acquired> {
        let next = end.last_entry.saturating_add(1);
        let absent_key = self.store.keys().entry(target, end.release, next);
        self.take(target, record, Some(from), Some(absent_key))
            .await
    }

    async fn holds(&self, target: &Target, fence: &Fence) -> Result<bool> {
        let doing = format!("reading the lock of {target}");
        let key = self.store.keys().key(target, StoredKey::Lock);
        let current = self.store.read_one(self.store.call(&doing), &key).await?;
        Ok(current.is_some_and(|pair| token(&pair) == fence.token))
    }

    async fn release(&self, target: &Target, fence: &Fence) -> Result<()> {
        let doing = &format!("releasing the lock of {target}");
        let key = self.store.keys().key(target, StoredKey::Lock);
        let change = Change::without_lock(&self.store, doing, vec![key.clone()]);
        let lease = change.apply(|seen| {
            Ok(match seen.get(&key) {
                Some(pair) if token(pair) == fence.token => {
                    Decision::Write(vec![Write::delete(&key)], pair.lease)
                }
                _ => Decision::Done(None),
            })
        });
        self.end_lease(lease.await?).await;
        Ok(())
    }
}

/// The result of one attempt to take a lock.
enum Attempt {
    /// The stored lock, which may not be taken.
    Exists(Pair),
    /// The lock was written. If it replaced a lock that had a lease, this is the lease of the replaced lock.
    Taken(Option<LeaseId>),
}

impl StoredLocks {
    /// Takes the lock if it is free or is treated as expired. Takes over a held lock only if its token is `from` and,
    /// if given, the key `absent_key` does not exist.
    async fn take(
        &self,
        target: &Target,
        record: &LockRecord,
        from: Option<FencingToken>,
        absent_key: Option<String>,
    ) -> Result<Acquired> {
        let doing = &format!("taking the lock of {target}");
        let key = &self.store.keys().key(target, StoredKey::Lock);
        let value = values::encode(&self.store, doing, record)?;
        let on = [key].into_iter().chain(&absent_key).cloned().collect();
        let change = Change {
            hint: "this console may have taken the lock: try again, or wait until the lock expires",
            ..Change::without_lock(&self.store, doing, on)
        };
        let held = |token, lease, ttl, renewed| Held {
            store: self.store.clone(),
            key: key.clone(),
            token,
            lease,
            ttl,
            heartbeat: self.times.heartbeat,
            renewed,
        };
        // The token of a lock that is treated as expired.
        let mut endless: Option<FencingToken> = None;
        loop {
            // The stored lock, if it may not be taken.
            let existing = |seen: &CurrentValues| {
                let current = seen.get(key)?;
                let is_written = |key: &String| seen.get(key).is_some();
                let is_from = Some(token(current)) == from && !absent_key.iter().any(is_written);
                let may_take = is_from || Some(token(current)) == endless;
                (!may_take).then(|| current.clone())
            };
            // A lock that may not be taken needs no lease.
            let pair = if let Some(pair) = existing(&change.read().await?) {
                pair
            } else {
                let renewed = Instant::now();
                let granted = self.store.kv().grant(change.call, self.times.lease).await?;
                let made = change.apply_with_revision(|seen| {
                    if let Some(pair) = existing(seen) {
                        return Ok(Decision::Done(Attempt::Exists(pair)));
                    }
                    let put = Write::Put {
                        key: key.clone(),
                        value: value.clone(),
                        lease: Some(granted.lease),
                    };
                    let replaced = seen.get(key).and_then(|pair| pair.lease);
                    Ok(Decision::Write(vec![put], Attempt::Taken(replaced)))
                });
                match made.await {
                    Ok((Attempt::Taken(replaced), revision)) => {
                        let token = FencingToken(revision.unwrap_or_default());
                        let held = held(token, granted.lease, granted.ttl, renewed);
                        let lease = heartbeat::start(held);
                        // The former holder notices at its next heartbeat.
                        self.end_lease(replaced).await;
                        return Ok(Acquired::Held(lease));
                    }
                    // An earlier transaction of this call wrote the lock, and its answer was lost.
                    Ok((Attempt::Exists(pair), _)) if pair.lease == Some(granted.lease) => {
                        let held = held(token(&pair), granted.lease, granted.ttl, renewed);
                        return Ok(Acquired::Held(heartbeat::start(held)));
                    }
                    Ok((Attempt::Exists(pair), _)) => {
                        self.end_lease(Some(granted.lease)).await;
                        pair
                    }
                    // The lease ended before the transaction was made.
                    Err(failure)
                        if failure.kind == FailureKind::Missing
                            && Instant::now() < change.call.until =>
                    {
                        continue;
                    }
                    Err(failure) => {
                        // After an ambiguous failure the lock may have been written. Ending the lease would delete
                        // the lock.
                        if failure.kind != FailureKind::Ambiguous {
                            self.end_lease(Some(granted.lease)).await;
                        }
                        return Err(failure);
                    }
                }
            };
            let holder = match lock_status(&self.store, change.call, &pair).await {
                LockStatus::Held(holder) => holder,
                LockStatus::Endless(_) => {
                    endless = Some(token(&pair));
                    continue;
                }
                LockStatus::Unreadable(unreadable) => {
                    return Err(unreadable.failure(&self.store, doing, &pair, |reason| {
                        let reason = format!("{}: {reason}", values::key(&pair));
                        self.store.failure(FailureKind::Conflict, doing, reason)
                    }));
                }
            };
            let Some(lease) = pair.lease.filter(|_| holder.record == *record) else {
                return Ok(Acquired::Taken(Box::new(holder)));
            };
            // An earlier call of this console has taken the lock, and the answer to that call was lost.
            let renewed = Instant::now();
            let ttl = self.store.kv().renew(change.call, lease).await?;
            let held = held(holder.token, lease, ttl, renewed);
            return Ok(Acquired::Held(heartbeat::start(held)));
        }
    }

    /// Ends a lease that is no longer needed. If that fails, the lease expires by itself.
    async fn end_lease(&self, lease: Option<LeaseId>) {
        let Some(lease) = lease else { return };
        let call = Call {
            doing: "ending a lease",
            until: Instant::now() + Duration::from_secs(1),
        };
        let _ = self.store.kv().revoke(call, lease).await;
    }
}
