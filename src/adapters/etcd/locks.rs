//! Takes and releases locks. A lock is a key on a lease. It is written only if the key is absent, or is still the lock
//! that is taken over. The revision of that write is the fencing token. (etcd's own `Lock` call is not used, because
//! it succeeds for expired leases.)

use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, KeyValue, PutOptions, Txn, TxnOp};
use tokio::time::{Instant, sleep};

use super::error::{EtcdError, Sort};
use super::heartbeat::{self, Held};
use super::reader::{holder, token};
use super::store::{Store, one};
use super::values;
use crate::inventory::{FencingToken, LockRecord, Target};
use crate::ports::{Acquired, Failure, FailureKind, Fence, JournalEnd, Locks, Result};

/// How long a lock lives without a renewal, and how often it is renewed.
#[derive(Debug, Clone, Copy)]
pub struct LockTimes {
    /// The time to live of the lease, in whole seconds, at least one. etcd may grant more.
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
pub struct EtcdLocks {
    store: Store,
    times: LockTimes,
}

impl EtcdLocks {
    /// The locks of the cluster of `store`. A heartbeat slower than a third of the lease is shortened to a third, so
    /// that there is time for another renewal after a lost one.
    pub fn new(store: &Store, mut times: LockTimes) -> Self {
        times.heartbeat = times.heartbeat.min(times.lease / 3);
        Self {
            store: store.clone(),
            times,
        }
    }
}

#[async_trait]
impl Locks for EtcdLocks {
    async fn acquire(&self, target: &Target, record: &LockRecord) -> Result<Acquired> {
        self.take(target, record, TakeFrom::no_holder()).await
    }

    async fn take_over(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
    ) -> Result<Acquired> {
        let over = TakeFrom {
            from: Some(from),
            unwritten: None,
        };
        self.take(target, record, over).await
    }

    async fn take_over_at_rest(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
        end: JournalEnd,
    ) -> Result<Acquired> {
        let next = end.last_entry.saturating_add(1);
        let over = TakeFrom {
            from: Some(from),
            unwritten: Some(self.store.keys().entry(target, end.release, next)),
        };
        self.take(target, record, over).await
    }

    async fn holds(&self, target: &Target, fence: &Fence) -> Result<bool> {
        let doing = format!("reading the lock of {target}");
        let key = self.store.keys().lock(target);
        let current = self.current(&doing, &key, self.store.deadline()).await?;
        Ok(current.is_some_and(|pair| token(&pair) == fence.token))
    }

    async fn release(&self, target: &Target, fence: &Fence) -> Result<()> {
        let doing = &format!("releasing the lock of {target}");
        let key = &self.store.keys().lock(target);
        let until = self.store.deadline();
        loop {
            let Some(pair) = self.current(doing, key, until).await? else {
                return Ok(());
            };
            if token(&pair) != fence.token {
                return Ok(());
            }
            let compare = Compare::mod_revision(key.as_str(), CompareOp::Equal, fence.token.0);
            let txn = Txn::new()
                .when([compare])
                .and_then([TxnOp::delete(key.as_str(), None)]);
            let answer = self
                .store
                .attempt(until, |client| {
                    let txn = txn.clone();
                    async move { client.kv_client().txn(txn).await }
                })
                .await;
            match answer {
                Ok(_) => {
                    self.forget(pair.lease()).await;
                    return Ok(());
                }
                // Deleting the key a second time does no harm.
                Err(error) if error.sort == Sort::Unclear && Instant::now() < until => {}
                Err(error) => return Err(self.store.unanswered(doing, error)),
            }
        }
    }
}

/// The conditions under which a lock that is held may be taken.
struct TakeFrom {
    /// The token of the holder; none if only a free lock may be taken.
    from: Option<FencingToken>,
    /// A key that must not exist. If the holder has written it, the lock is not taken over.
    unwritten: Option<String>,
}

impl TakeFrom {
    fn no_holder() -> Self {
        Self {
            from: None,
            unwritten: None,
        }
    }
}

impl EtcdLocks {
    /// Takes the lock if it is free, or if `over` allows taking it from its holder.
    async fn take(&self, target: &Target, record: &LockRecord, over: TakeFrom) -> Result<Acquired> {
        let doing = &format!("taking the lock of {target}");
        let key = &self.store.keys().lock(target);
        let value = values::encode(&self.store, doing, record)?;
        let until = self.store.deadline();
        let mut lost: Option<EtcdError> = None;
        loop {
            let current = match self.current(doing, key, until).await {
                Ok(current) => current,
                Err(failure) => return Err(self.unseen(doing, failure, lost)),
            };
            if let Some(pair) = current.as_ref()
                && (Some(token(pair)) != over.from || self.is_written(doing, &over, until).await?)
            {
                return self.answer(doing, key, record, pair, until).await;
            }
            let since = Instant::now();
            let (lease, ttl) = match self.grant(doing, until).await {
                Ok(granted) => granted,
                Err(failure) => return Err(self.unseen(doing, failure, lost)),
            };
            let held = |token| Held {
                store: self.store.clone(),
                key: key.clone(),
                token,
                lease,
                ttl,
                heartbeat: self.times.heartbeat,
                renewed: since,
            };
            let compared = (current.as_ref(), over.unwritten.as_deref());
            match self.write(key, &value, lease, compared, until).await {
                Ok(Some(token)) => {
                    let lease = heartbeat::start(held(token));
                    // The former holder notices at its next heartbeat.
                    self.forget(current.map_or(0, |pair| pair.lease())).await;
                    return Ok(Acquired::Held(lease));
                }
                Ok(None) => self.forget(lease).await,
                Err(error) => {
                    // A late transaction could still write the lock on this lease. After the lease is revoked, it
                    // cannot.
                    if error.sort != Sort::Unclear {
                        self.forget(lease).await;
                        return Err(self.store.unanswered(doing, error));
                    }
                    lost = Some(error);
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn current(&self, doing: &str, key: &str, until: Instant) -> Result<Option<KeyValue>> {
        let (_, found) = self.store.ranges(doing, until, vec![one(key)]).await?;
        Ok(found.into_iter().flatten().next())
    }

    /// Whether the holder has written the key of [`TakeFrom::unwritten`].
    async fn is_written(&self, doing: &str, over: &TakeFrom, until: Instant) -> Result<bool> {
        match &over.unwritten {
            Some(key) => Ok(self.current(doing, key, until).await?.is_some()),
            None => Ok(false),
        }
    }

    /// Requests a new lease. Returns its id and the time to live that etcd granted.
    async fn grant(&self, doing: &str, until: Instant) -> Result<(i64, Duration)> {
        let seconds = i64::try_from(self.times.lease.as_secs().max(1)).unwrap_or(i64::MAX);
        let lease = self
            .store
            .ask(doing, until, |client| async move {
                client.lease_client().grant(seconds, None).await
            })
            .await?;
        let ttl = u64::try_from(lease.ttl()).unwrap_or_default();
        Ok((lease.id(), Duration::from_secs(ttl)))
    }

    /// Writes the lock if the key is unchanged or still absent. Returns the token, or none if another operator was
    /// faster.
    async fn write(
        &self,
        key: &str,
        value: &[u8],
        lease: i64,
        (over, unwritten): (Option<&KeyValue>, Option<&str>),
        until: Instant,
    ) -> std::result::Result<Option<FencingToken>, EtcdError> {
        // A missing key has revision 0.
        let revision = over.map_or(0, KeyValue::mod_revision);
        let put = TxnOp::put(key, value, Some(PutOptions::new().with_lease(lease)));
        let mut compares = vec![Compare::mod_revision(key, CompareOp::Equal, revision)];
        compares.extend(unwritten.map(|entry| Compare::mod_revision(entry, CompareOp::Equal, 0)));
        let txn = Txn::new().when(compares).and_then([put]);
        let answer = self
            .store
            .attempt(until, |client| {
                let txn = txn.clone();
                async move { client.kv_client().txn(txn).await }
            })
            .await?;
        let revision = answer.header().map(etcd_client::ResponseHeader::revision);
        Ok(revision.filter(|_| answer.succeeded()).map(FencingToken))
    }

    /// The answer for a lock that exists. It is this process's own lock if the answer to an earlier write was lost.
    async fn answer(
        &self,
        doing: &str,
        key: &str,
        record: &LockRecord,
        pair: &KeyValue,
        until: Instant,
    ) -> Result<Acquired> {
        let holder = holder(&self.store, pair, until).await.map_err(|reason| {
            self.store
                .failure(FailureKind::Conflict, doing, format!("{key}: {reason}"))
        })?;
        if holder.record != *record || pair.lease() == 0 {
            return Ok(Acquired::Taken(Box::new(holder)));
        }
        let renewed = Instant::now();
        let ttl = heartbeat::renew(&self.store, pair.lease(), until)
            .await
            .map_err(|error| self.store.unanswered(doing, error))?;
        Ok(Acquired::Held(heartbeat::start(Held {
            store: self.store.clone(),
            key: key.to_owned(),
            token: holder.token,
            lease: pair.lease(),
            ttl,
            heartbeat: self.times.heartbeat,
            renewed,
        })))
    }

    /// Revokes a lease that is not needed. If that fails, the lease expires.
    async fn forget(&self, lease: i64) {
        if lease == 0 {
            return;
        }
        let until = Instant::now() + Duration::from_secs(1);
        let _ = self
            .store
            .attempt(until, |client| async move {
                client.lease_client().revoke(lease).await
            })
            .await;
    }

    fn unseen(&self, doing: &str, failure: Failure, lost: Option<EtcdError>) -> Failure {
        let Some(lost) = lost else {
            return failure;
        };
        let message = format!(
            "{}; reading the result back also failed: {}",
            lost.said, failure.message
        );
        self.store
            .failure(FailureKind::Ambiguous, doing, message)
            .hint("try again: if this console has taken the lock, it still holds the lock")
    }
}
