//! What a console shows of itself: its keys stand on one lease of its own, which is renewed now and then
//! and runs out when the console is gone. No write here needs the lock, and none touches anything else.

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

/// How long a console that is gone is shown on.
const LEASE: Duration = Duration::from_secs(30);
/// How often the lease is renewed.
const BEAT: Duration = Duration::from_secs(10);

/// Who is at the targets of a cluster, of which one is this console.
#[derive(Debug, Clone)]
pub struct EtcdPresence {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    lease: Duration,
    beat: Duration,
    said: Mutex<Said>,
}

/// What this console has said, and on which lease.
#[derive(Debug, Default)]
struct Said {
    /// 0 while there is none.
    lease: i64,
    /// What is said again when the lease has run out under it. Not an asking: what it was asked under
    /// may be over.
    here: BTreeMap<String, Vec<u8>>,
    beats: bool,
}

/// What is to be done about the asking that stands.
enum Answer {
    Leave,
    Put(Vec<u8>, Option<PutOptions>),
    Delete,
}

impl EtcdPresence {
    /// In a cluster. Connects to nothing yet.
    pub fn new(store: &Store) -> Self {
        Self::with(store, LEASE, BEAT)
    }

    /// The same with another lease, in whole seconds, and another beat.
    pub fn with(store: &Store, lease: Duration, beat: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                store: store.clone(),
                lease,
                beat,
                said: Mutex::default(),
            }),
        }
    }

    /// Does something about exactly the asking that was seen; looks again after each answer that did
    /// not come.
    async fn about(
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
            let stands = found.into_iter().flatten().next();
            // What nobody can read is nobody's asking.
            let asked: Option<HandoverRequest> =
                stands.as_ref().and_then(|pair| values::decode(pair).ok());
            let operation = match decide(asked.as_ref())? {
                Answer::Leave => return Ok(asked),
                Answer::Put(value, options) => TxnOp::put(key.as_str(), value, options),
                Answer::Delete => TxnOp::delete(key.as_str(), None),
            };
            let revision = stands.as_ref().map_or(0, KeyValue::mod_revision);
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
    async fn here(&self, target: &Target, watcher: &Watcher) -> Result<()> {
        let doing = &format!("showing who watches {target}");
        let store = &self.inner.store;
        let key = store.keys().watcher(target, &watcher.console);
        let value = values::encode(store, doing, watcher)?;
        let mut said = self.inner.said.lock().await;
        said.here.insert(key, value);
        // Whatever is in the way now may be gone at the next beat.
        self.inner.keep(&mut said);
        self.inner.say(&mut said, doing).await
    }

    async fn gone(&self, target: &Target, console: &str) -> Result<()> {
        let doing = &format!("leaving {target}");
        let store = &self.inner.store;
        let key = &store.keys().watcher(target, console);
        let mut said = self.inner.said.lock().await;
        said.here.remove(key);
        let delete = |client: etcd_client::Client| {
            let key = key.clone();
            async move { client.kv_client().delete(key, None).await }
        };
        store.ask(doing, store.deadline(), delete).await.map(|_| ())
    }

    async fn ask(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<Option<HandoverRequest>> {
        let doing = &format!("asking for the wheel of {target}");
        let store = &self.inner.store;
        let value = values::encode(store, doing, request)?;
        let lease = {
            let mut said = self.inner.said.lock().await;
            let lease = self.inner.granted(&mut said, doing).await?;
            self.inner.keep(&mut said);
            lease
        };
        let standing = self.about(target, doing, |asked| {
            Ok(match asked {
                Some(asked) if asked.console != request.console || asked == request => {
                    Answer::Leave
                }
                _ => {
                    let options = PutOptions::new().with_lease(lease);
                    Answer::Put(value.clone(), Some(options))
                }
            })
        });
        let standing = standing.await?;
        Ok(standing.filter(|asked| asked.console != request.console))
    }

    async fn decline(&self, target: &Target, asked: &HandoverRequest, no: &Declined) -> Result<()> {
        let doing = &format!("keeping the wheel of {target}");
        let store = &self.inner.store;
        let answered = HandoverRequest {
            declined: Some(no.clone()),
            ..asked.clone()
        };
        let value = values::encode(store, doing, &answered)?;
        let done = self.about(target, doing, |stands| {
            let is_open = stands.is_some_and(|it| it.is_same(asked) && it.declined.is_none());
            // The answer stays on the lease of whoever asked.
            let options = PutOptions::new().with_ignore_lease();
            Ok(if is_open {
                Answer::Put(value.clone(), Some(options))
            } else {
                Answer::Leave
            })
        });
        done.await.map(|_| ())
    }

    async fn withdraw(&self, target: &Target, asked: &HandoverRequest) -> Result<()> {
        let doing = &format!("asking for the wheel of {target} no more");
        let done = self.about(target, doing, |stands| {
            Ok(if stands.is_some_and(|it| it.is_same(asked)) {
                Answer::Delete
            } else {
                Answer::Leave
            })
        });
        done.await.map(|_| ())
    }

    async fn leave(&self) -> Result<()> {
        let mut said = self.inner.said.lock().await;
        said.here.clear();
        let lease = std::mem::take(&mut said.lease);
        if lease == 0 {
            return Ok(());
        }
        let store = &self.inner.store;
        let revoke =
            |client: etcd_client::Client| async move { client.lease_client().revoke(lease).await };
        let answer = store.attempt(store.deadline(), revoke).await;
        answer
            .map(|_| ())
            .map_err(|error| store.unanswered("leaving", error))
    }
}

impl Inner {
    /// The lease; a new one where there is none.
    async fn granted(&self, said: &mut Said, doing: &str) -> Result<i64> {
        if said.lease != 0 {
            let until = self.store.deadline();
            match renew(&self.store, said.lease, until).await {
                Err(error) if error.sort == Sort::Refused(FailureKind::Missing) => {
                    said.lease = 0;
                }
                Err(error) => return Err(self.store.unanswered(doing, error)),
                Ok(_) => return Ok(said.lease),
            }
        }
        let seconds = i64::try_from(self.lease.as_secs().max(1)).unwrap_or(i64::MAX);
        let grant = |client: etcd_client::Client| async move {
            client.lease_client().grant(seconds, None).await
        };
        let granted = self.store.ask(doing, self.store.deadline(), grant).await?;
        said.lease = granted.id();
        Ok(said.lease)
    }

    /// Says everything, on a lease that stands.
    async fn say(&self, said: &mut Said, doing: &str) -> Result<()> {
        let lease = self.granted(said, doing).await?;
        for (key, value) in &said.here {
            let put = |client: etcd_client::Client| {
                let options = PutOptions::new().with_lease(lease);
                let (key, value) = (key.clone(), value.clone());
                async move { client.kv_client().put(key, value, Some(options)).await }
            };
            self.store.ask(doing, self.store.deadline(), put).await?;
        }
        Ok(())
    }

    /// Renews from now on, for as long as anybody has this.
    fn keep(self: &Arc<Self>, said: &mut Said) {
        if std::mem::replace(&mut said.beats, true) {
            return;
        }
        let (inner, beat) = (Arc::downgrade(self), self.beat);
        tokio::spawn(async move {
            loop {
                sleep(beat).await;
                if !keep_on(&inner).await {
                    return;
                }
            }
        });
    }
}

/// One renewal; false when nobody needs it any more.
async fn keep_on(inner: &Weak<Inner>) -> bool {
    let Some(inner) = inner.upgrade() else {
        return false;
    };
    let mut said = inner.said.lock().await;
    if said.lease == 0 && said.here.is_empty() {
        said.beats = false;
        return false;
    }
    let until = inner.store.deadline();
    let renewed = match said.lease {
        0 => None,
        lease => Some(renew(&inner.store, lease, until).await),
    };
    let is_lost = match renewed {
        Some(Err(error)) => error.sort == Sort::Refused(FailureKind::Missing),
        Some(Ok(_)) => false,
        None => true,
    };
    if is_lost {
        said.lease = 0;
        if let Err(failure) = inner.say(&mut said, "being shown again").await {
            tracing::debug!("not shown to others: {failure}");
        }
    }
    true
}
