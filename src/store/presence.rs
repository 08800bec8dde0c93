//! Presence: the keys that tell other operators which targets a console has open, and the handover requests. A console
//! writes its keys on its own lease. The console renews the lease, which expires after the console exits. No write of
//! this module needs the lock or changes other keys.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::change::{Change, Decision};
use super::{Store, values};
use crate::inventory::{Declined, HandoverRequest, StoredKey, Target, Watcher};
use crate::ports::kv::{LeaseId, Write};
use crate::ports::{FailureKind, PresenceStore, Result};

/// The time to live of the lease. If a console exits without ending its lease, other consoles show it until the lease
/// expires.
const LEASE: Duration = Duration::from_secs(30);
/// The time between two renewals of the lease.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(10);
/// The most keys that one transaction writes.
const MOST_KEYS: usize = 50;

/// The stored entries about open consoles, and this console's own entries.
#[derive(Debug, Clone)]
pub struct StoredPresence {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    lease: Duration,
    renewal_interval: Duration,
    published: Mutex<Published>,
}

/// The keys that this console has written, and their lease.
#[derive(Debug, Default)]
struct Published {
    lease: Option<LeaseId>,
    /// The keys and values of the targets that this console has open. A key without a value must be deleted. The
    /// entries are written again after a failure, and after the lease has expired. A handover request is not an entry,
    /// because its release may have ended when the entries are written again.
    entries: BTreeMap<String, Option<String>>,
    /// Whether the store has `entries`, on the lease.
    is_written: bool,
    /// Whether the renewals are running.
    is_renewing: bool,
}

impl StoredPresence {
    pub fn new(store: &Store) -> Self {
        Self::with(store, LEASE, RENEWAL_INTERVAL)
    }

    /// Like [`StoredPresence::new`], with another lease and another time between renewals.
    pub fn with(store: &Store, lease: Duration, renewal_interval: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                store: store.clone(),
                lease,
                renewal_interval,
                published: Mutex::default(),
            }),
        }
    }

    /// Changes the handover request only if it is still the request that was read. Returns the current request if
    /// `decide` makes no change.
    async fn change_request(
        &self,
        target: &Target,
        doing: &str,
        decide: impl Fn(Option<&HandoverRequest>, &str) -> Option<Write>,
    ) -> Result<Option<HandoverRequest>> {
        let store = &self.inner.store;
        let key = store.keys().key(target, StoredKey::Handover);
        Change::without_lock(store, doing, vec![key.clone()])
            .apply(|seen| {
                // A value that cannot be read is treated as no request.
                let existing = values::decode_replaceable(store, doing, seen.get(&key))?;
                Ok(match decide(existing.as_ref(), &key) {
                    None => Decision::Done(existing),
                    Some(write) => Decision::Write(vec![write], None),
                })
            })
            .await
    }
}

#[async_trait]
impl PresenceStore for StoredPresence {
    async fn show(&self, target: &Target, watcher: &Watcher) -> Result<()> {
        let doing = &format!("telling other consoles that this one has {target} open");
        let store = &self.inner.store;
        let key = store.keys().watcher(target, &watcher.console);
        let value = values::encode(store, doing, watcher)?;
        let mut published = self.inner.published.lock().await;
        published.entries.insert(key, Some(value));
        // If the key cannot be written now, the next renewal writes it.
        self.inner.start_renewals(&mut published);
        self.inner.publish(&mut published, doing).await
    }

    async fn hide(&self, target: &Target, console: &str) -> Result<()> {
        let doing = &format!("removing this console from {target}");
        let store = &self.inner.store;
        let key = store.keys().watcher(target, console);
        let mut published = self.inner.published.lock().await;
        published.entries.insert(key.clone(), None);
        published.is_written = false;
        store.delete(doing, &key).await?;
        published.entries.remove(&key);
        Ok(())
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
            let lease = self.inner.valid_lease(&mut published, doing).await?;
            self.inner.start_renewals(&mut published);
            lease
        };
        let current = self.change_request(target, doing, |existing, key| match existing {
            Some(existing) if existing.console != request.console || existing == request => None,
            _ => Some(Write::Put {
                key: key.to_owned(),
                value: value.clone(),
                lease: Some(lease),
            }),
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
        let done = self.change_request(target, doing, |current, key| {
            let is_open = current.is_some_and(|it| it.is_same(existing) && it.declined.is_none());
            // The answer keeps the lease of the requester.
            is_open.then(|| Write::PutKeepingLease {
                key: key.to_owned(),
                value: value.clone(),
            })
        });
        done.await.map(drop)
    }

    async fn withdraw(&self, target: &Target, existing: &HandoverRequest) -> Result<()> {
        let doing = &format!("withdrawing the handover request for {target}");
        let done = self.change_request(target, doing, |current, key| {
            let is_same = current.is_some_and(|it| it.is_same(existing));
            is_same.then(|| Write::delete(key))
        });
        done.await.map(drop)
    }

    async fn leave(&self) -> Result<()> {
        let mut published = self.inner.published.lock().await;
        published.entries.clear();
        let Some(lease) = published.lease.take() else {
            return Ok(());
        };
        let store = &self.inner.store;
        let call = store.call("removing this console");
        store.kv().revoke(call, lease).await
    }
}

impl Inner {
    /// A valid lease: the current lease after a renewal, or a new one.
    async fn valid_lease(&self, published: &mut Published, doing: &str) -> Result<LeaseId> {
        let call = self.store.call(doing);
        if let Some(lease) = published.lease {
            match self.store.kv().renew(call, lease).await {
                Err(failure) if failure.kind == FailureKind::Missing => published.lease = None,
                Err(failure) => return Err(failure),
                Ok(_) => return Ok(lease),
            }
        }
        let granted = self.store.kv().grant(call, self.lease).await?;
        published.lease = Some(granted.lease);
        Ok(granted.lease)
    }

    /// Writes the entries that are missing or different in the store, on a valid lease. Deletes the keys without a
    /// value.
    async fn publish(&self, published: &mut Published, doing: &str) -> Result<()> {
        published.is_written = false;
        let lease = self.valid_lease(published, doing).await?;
        let entries: Vec<_> = published.entries.iter().collect();
        for chunk in entries.chunks(MOST_KEYS) {
            let on = chunk.iter().map(|(key, _)| (*key).clone()).collect();
            Change::without_lock(&self.store, doing, on)
                .apply(|seen| {
                    let write = |(key, value): &(&String, &Option<String>)| {
                        let stored = seen.get(key);
                        let Some(value) = value else {
                            return stored.map(|_| Write::delete(*key));
                        };
                        let is_shown = stored.is_some_and(|pair| {
                            pair.value == value.as_bytes() && pair.lease == Some(lease)
                        });
                        (!is_shown).then(|| Write::Put {
                            key: (*key).clone(),
                            value: value.clone(),
                            lease: Some(lease),
                        })
                    };
                    let writes: Vec<_> = chunk.iter().filter_map(write).collect();
                    Ok(if writes.is_empty() {
                        Decision::Done(())
                    } else {
                        Decision::Write(writes, ())
                    })
                })
                .await?;
        }
        published.entries.retain(|_, value| value.is_some());
        published.is_written = true;
        Ok(())
    }

    /// Starts the renewals, unless they are running. The renewals end when the store is dropped, or when this console
    /// has no lease and no open target any more.
    fn start_renewals(self: &Arc<Self>, published: &mut Published) {
        if std::mem::replace(&mut published.is_renewing, true) {
            return;
        }
        let (inner, renewal_interval) = (Arc::downgrade(self), self.renewal_interval);
        tokio::spawn(async move {
            loop {
                sleep(renewal_interval).await;
                if !renew_once(&inner).await {
                    return;
                }
            }
        });
    }
}

/// Renews the lease once. If the lease has ended, none was granted, or the keys could not be written, writes the keys
/// on a valid lease. Returns false if the store was dropped, or if this console has no lease and no open target any
/// more.
async fn renew_once(inner: &Weak<Inner>) -> bool {
    let Some(inner) = inner.upgrade() else {
        return false;
    };
    let mut published = inner.published.lock().await;
    if published.lease.is_none() && published.entries.is_empty() {
        published.is_renewing = false;
        return false;
    }
    let doing = "telling other consoles which targets this one has open";
    let is_lost = match published.lease {
        None => true,
        Some(lease) => {
            let renewed = inner.store.kv().renew(inner.store.call(doing), lease).await;
            renewed.is_err_and(|failure| failure.kind == FailureKind::Missing)
        }
    };
    if is_lost {
        published.lease = None;
    }
    if (is_lost || !published.is_written)
        && let Err(failure) = inner.publish(&mut published, doing).await
    {
        tracing::debug!("other operators do not see this console: {failure}");
    }
    true
}
