//! Presence: the keys that show a console to other operators. They are on the console's own lease, which it renews and
//! which expires after the console exits. No write of this module needs the lock or changes other keys.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, KeyValue, PutOptions, Txn, TxnOp};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::error::Sort;
use super::heartbeat::renew;
use super::store::{Store, one};
use super::values;
use crate::inventory::{Declined, HandoverRequest, Target, Watcher};
use crate::ports::{FailureKind, PresenceStore, Result};

/// The time to live of the lease: how long a console that ended without leaving is still shown.
const LEASE: Duration = Duration::from_secs(30);
/// The time between two renewals of the lease.
const BEAT: Duration = Duration::from_secs(10);

/// The consoles at the targets of a cluster, and this console's own entries.
#[derive(Debug, Clone)]
pub struct EtcdPresence {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    lease: Duration,
    beat: Duration,
    published: Mutex<Published>,
}

/// The keys that this console has written, and their lease.
#[derive(Debug, Default)]
struct Published {
    /// The id of the lease; 0 if there is none.
    lease: i64,
    /// The keys and values of the targets that this console has open. They are written again after the lease has
    /// expired. A handover request is not written again, because its release may have ended.
    here: BTreeMap<String, Vec<u8>>,
    beats: bool,
}

/// How to change the current handover request.
enum Answer {
    Leave,
    Put(Vec<u8>, Option<PutOptions>),
    Delete,
}

impl EtcdPresence {
    /// The presence in the cluster of `store`. Does not connect yet.
    pub fn new(store: &Store) -> Self {
        Self::with(store, LEASE, BEAT)
    }

    /// Like [`EtcdPresence::new`], with another lease, in whole seconds, and another time between renewals.
    pub fn with(store: &Store, lease: Duration, beat: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                store: store.clone(),
                lease,
                beat,
                published: Mutex::default(),
            }),
        }
    }

    /// Changes exactly the handover request that was read. After a conflict or a lost answer, reads it and decides
    /// again. Returns the current request if `decide` leaves it unchanged.
    async fn change_request(
        &self,
        target: &Target,
        doing: &str,
        decide: impl Fn(Option<&HandoverRequest>) -> Result<Answer>,
    ) -> Result<Option<HandoverRequest>> {
        let store = &self.inner.store;
        let key = &store.keys().handover_request(target);
        let until = store.deadline();
        loop {
            let (_, found) = store.ranges(doing, until, vec![one(key)]).await?;
            let current = found.into_iter().flatten().next();
            // A value that cannot be read is not the request of any operator.
            let existing: Option<HandoverRequest> =
                current.as_ref().and_then(|pair| values::decode(pair).ok());
            let operation = match decide(existing.as_ref())? {
                Answer::Leave => return Ok(existing),
                Answer::Put(value, options) => TxnOp::put(key.as_str(), value, options),
                Answer::Delete => TxnOp::delete(key.as_str(), None),
            };
            let revision = current.as_ref().map_or(0, KeyValue::mod_revision);
            let compare = Compare::mod_revision(key.as_str(), CompareOp::Equal, revision);
            let txn = Txn::new().when([compare]).and_then([operation]);
            let answer = store
                .attempt(until, |client| {
                    let txn = txn.clone();
                    async move { client.kv_client().txn(txn).await }
                })
                .await;
            match answer {
                Ok(answer) if answer.succeeded() => return Ok(None),
                Ok(_) => {}
                Err(error) if error.sort == Sort::Unclear && Instant::now() < until => {}
                Err(error) => return Err(store.unanswered(doing, error)),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[async_trait]
impl PresenceStore for EtcdPresence {
    async fn show(&self, target: &Target, watcher: &Watcher) -> Result<()> {
        let doing = &format!("showing this console at {target}");
        let store = &self.inner.store;
        let key = store.keys().watcher(target, &watcher.console);
        let value = values::encode(store, doing, watcher)?;
        let mut published = self.inner.published.lock().await;
        published.here.insert(key, value);
        // If no lease can be granted now, the next renewal writes the key.
        self.inner.keep(&mut published);
        self.inner.publish(&mut published, doing).await
    }

    async fn hide(&self, target: &Target, console: &str) -> Result<()> {
        let doing = &format!("removing this console from {target}");
        let store = &self.inner.store;
        let key = &store.keys().watcher(target, console);
        let mut published = self.inner.published.lock().await;
        published.here.remove(key);
        let delete = |client: etcd_client::Client| {
            let key = key.clone();
            async move { client.kv_client().delete(key, None).await }
        };
        store.ask(doing, store.deadline(), delete).await.map(|_| ())
    }

    async fn request_handover(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<Option<HandoverRequest>> {
        let doing = &format!("requesting the handover of {target}");
        let store = &self.inner.store;
        let value = values::encode(store, doing, request)?;
        let lease = {
            let mut published = self.inner.published.lock().await;
            let lease = self.inner.granted(&mut published, doing).await?;
            self.inner.keep(&mut published);
            lease
        };
        let current = self.change_request(target, doing, |existing| {
            Ok(match existing {
                Some(existing) if existing.console != request.console || existing == request => {
                    Answer::Leave
                }
                _ => {
                    let options = PutOptions::new().with_lease(lease);
                    Answer::Put(value.clone(), Some(options))
                }
            })
        });
        let current = current.await?;
        Ok(current.filter(|existing| existing.console != request.console))
    }

    async fn decline(
        &self,
        target: &Target,
        existing: &HandoverRequest,
        answer: &Declined,
    ) -> Result<()> {
        let doing = &format!("declining the handover of {target}");
        let store = &self.inner.store;
        let answered = HandoverRequest {
            declined: Some(answer.clone()),
            ..existing.clone()
        };
        let value = values::encode(store, doing, &answered)?;
        let done = self.change_request(target, doing, |current| {
            let is_open = current.is_some_and(|it| it.is_same(existing) && it.declined.is_none());
            // The answer keeps the lease of the requester.
            let options = PutOptions::new().with_ignore_lease();
            Ok(if is_open {
                Answer::Put(value.clone(), Some(options))
            } else {
                Answer::Leave
            })
        });
        done.await.map(|_| ())
    }

    async fn withdraw(&self, target: &Target, existing: &HandoverRequest) -> Result<()> {
        let doing = &format!("withdrawing the handover request for {target}");
        let done = self.change_request(target, doing, |current| {
            Ok(if current.is_some_and(|it| it.is_same(existing)) {
                Answer::Delete
            } else {
                Answer::Leave
            })
        });
        done.await.map(|_| ())
    }

    async fn leave(&self) -> Result<()> {
        let mut published = self.inner.published.lock().await;
        published.here.clear();
        let lease = std::mem::take(&mut published.lease);
        if lease == 0 {
            return Ok(());
        }
        let store = &self.inner.store;
        let revoke =
            |client: etcd_client::Client| async move { client.lease_client().revoke(lease).await };
        let answer = store.attempt(store.deadline(), revoke).await;
        answer
            .map(|_| ())
            .map_err(|error| store.unanswered("removing this console", error))
    }
}

impl Inner {
    /// The id of a valid lease: the current lease after a renewal, or a new one.
    async fn granted(&self, published: &mut Published, doing: &str) -> Result<i64> {
        if published.lease != 0 {
            let until = self.store.deadline();
            match renew(&self.store, published.lease, until).await {
                Err(error) if error.sort == Sort::Refused(FailureKind::Missing) => {
                    published.lease = 0;
                }
                Err(error) => return Err(self.store.unanswered(doing, error)),
                Ok(_) => return Ok(published.lease),
            }
        }
        let seconds = i64::try_from(self.lease.as_secs().max(1)).unwrap_or(i64::MAX);
        let grant = |client: etcd_client::Client| async move {
            client.lease_client().grant(seconds, None).await
        };
        let granted = self.store.ask(doing, self.store.deadline(), grant).await?;
        published.lease = granted.id();
        Ok(published.lease)
    }

    /// Writes all keys again, on a valid lease.
    async fn publish(&self, published: &mut Published, doing: &str) -> Result<()> {
        let lease = self.granted(published, doing).await?;
        for (key, value) in &published.here {
            let put = |client: etcd_client::Client| {
                let options = PutOptions::new().with_lease(lease);
                let (key, value) = (key.clone(), value.clone());
                async move { client.kv_client().put(key, value, Some(options)).await }
            };
            self.store.ask(doing, self.store.deadline(), put).await?;
        }
        Ok(())
    }

    /// Starts the renewals, unless they are running. They end when this value is dropped, or when nothing is published
    /// any more.
    fn keep(self: &Arc<Self>, published: &mut Published) {
        if std::mem::replace(&mut published.beats, true) {
            return;
        }
        let (inner, beat) = (Arc::downgrade(self), self.beat);
        tokio::spawn(async move {
            loop {
                sleep(beat).await;
                if !renew_once(&inner).await {
                    return;
                }
            }
        });
    }
}

/// Renews the lease once. Returns false when this console shows nothing any more.
async fn renew_once(inner: &Weak<Inner>) -> bool {
    let Some(inner) = inner.upgrade() else {
        return false;
    };
    let mut published = inner.published.lock().await;
    if published.lease == 0 && published.here.is_empty() {
        published.beats = false;
        return false;
    }
    let until = inner.store.deadline();
    let renewed = match published.lease {
        0 => None,
        lease => Some(renew(&inner.store, lease, until).await),
    };
    let is_lost = match renewed {
        Some(Err(error)) => error.sort == Sort::Refused(FailureKind::Missing),
        Some(Ok(_)) => false,
        None => true,
    };
    if is_lost {
        published.lease = 0;
        if let Err(failure) = inner
            .publish(&mut published, "showing this console again")
            .await
        {
            tracing::debug!("other operators do not see this console: {failure}");
        }
    }
    true
}
