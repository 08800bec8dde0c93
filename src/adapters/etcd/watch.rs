//! Hints that a key of some target has changed. After a lost connection, the watch continues where it stopped. If etcd
//! no longer has those revisions, the watch sends [`Hint::Anything`] and continues from the current state.

use std::collections::BTreeSet;
use std::time::Duration;

use etcd_client::{Client, GetOptions, WatchOptions, WatchStream};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::error::{EtcdError, Sort};
use super::store::Store;
use crate::ports::{FailureKind, Hint, Result};

const DOING: &str = "watching for changes";

/// The first and the longest pause before another attempt.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A stream of hints about all changes after this call.
pub(super) async fn changes(store: Store) -> BoxStream<'static, Result<Hint>> {
    let (sender, receiver) = mpsc::channel(16);
    // The revision is read before this function returns, so that no later change is missed, however long connecting
    // takes.
    let first = revision(&store).await;
    tokio::spawn(async move {
        let watcher = Watcher {
            store,
            sender: sender.clone(),
            next: 0,
            is_reported_up: true,
        };
        tokio::select! {
            () = sender.closed() => {}
            () = watcher.run(first) => {}
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
    .boxed()
}

/// The current revision of the store. Every answer has it; this request counts Greenroom's keys.
async fn revision(store: &Store) -> Result<i64> {
    let prefix = store.keys().all();
    let answer = store
        .ask(DOING, store.deadline(), |client| {
            let prefix = prefix.clone();
            let options = GetOptions::new().with_prefix().with_count_only();
            async move { client.kv_client().get(prefix, Some(options)).await }
        })
        .await?;
    Ok(answer
        .header()
        .map_or(0, etcd_client::ResponseHeader::revision))
}

struct Watcher {
    store: Store,
    sender: mpsc::Sender<Result<Hint>>,
    /// The first revision that has not been received; 0 if it is unknown.
    next: i64,
    /// Whether the last item that was sent is a hint and not an outage.
    is_reported_up: bool,
}

impl Watcher {
    async fn run(mut self, first: Result<i64>) {
        match first {
            Ok(revision) => self.next = revision + 1,
            Err(failure) => self.report_outage(failure).await,
        }
        let mut pause = PAUSES.0;
        loop {
            let before = self.next;
            let Err(error) = self.listen().await else {
                continue;
            };
            // A change was received since the last failure, so this is a new outage.
            if self.next > before {
                pause = PAUSES.0;
            }
            let failure = self.store.unanswered(DOING, error);
            self.report_outage(failure).await;
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Reports an outage, unless it has been reported already.
    async fn report_outage(&mut self, failure: crate::ports::Failure) {
        if self.is_reported_up {
            self.is_reported_up = false;
            let _ = self.sender.send(Err(failure)).await;
        }
    }

    async fn hint(&mut self, hint: Hint) {
        self.is_reported_up = true;
        let _ = self.sender.send(Ok(hint)).await;
    }

    /// Receives changes until the watch fails. Returns Ok if the watch has to start again from the current state.
    async fn listen(&mut self) -> std::result::Result<(), EtcdError> {
        if self.next == 0 {
            self.next = self.current_revision().await? + 1;
        }
        let prefix = self.store.keys().all();
        let next = self.next;
        let opened = self
            .store
            .attempt(self.store.deadline(), |client| {
                open(client, prefix.clone(), next)
            })
            .await;
        let (client, mut stream) = opened?;
        loop {
            let message = match stream.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return Err(EtcdError::unclear("the watch ended")),
                Err(error) => {
                    let error = EtcdError::from(error);
                    // The client library does not log in again for a stream.
                    if matches!(
                        error.sort,
                        Sort::OldToken | Sort::Refused(FailureKind::Denied)
                    ) {
                        client.refresh_token().await?;
                    }
                    return Err(error);
                }
            };
            if message.compact_revision() > 0 {
                self.next = self.current_revision().await? + 1;
                self.hint(Hint::Anything).await;
                return Ok(());
            }
            if message.canceled() {
                let why = crate::sanitize::sanitize(message.cancel_reason());
                let kind = if why.contains("permission denied") {
                    FailureKind::Denied
                } else {
                    FailureKind::Rejected
                };
                return Err(EtcdError::refused(kind, why));
            }
            if message.created() && !self.is_reported_up {
                self.hint(Hint::Anything).await;
            }
            // One transaction may change several keys of a target. They make one hint.
            let mut changed = BTreeSet::new();
            for pair in message.events().iter().filter_map(|event| event.kv()) {
                self.next = self.next.max(pair.mod_revision() + 1);
                changed.extend(self.store.keys().target_of(pair.key()));
            }
            for target in changed {
                self.hint(Hint::Target(target)).await;
            }
        }
    }

    async fn current_revision(&self) -> std::result::Result<i64, EtcdError> {
        revision(&self.store).await.map_err(|failure| EtcdError {
            sort: Sort::Refused(failure.kind),
            said: failure.message,
            hint: failure.hint,
        })
    }
}

/// Opens a watch. Returns the client as well, because the caller renews its token.
async fn open(
    client: Client,
    prefix: String,
    next: i64,
) -> std::result::Result<(Client, WatchStream), etcd_client::Error> {
    let options = WatchOptions::new().with_prefix().with_start_revision(next);
    let stream = client.watch_client().watch(prefix, Some(options)).await?;
    Ok((client, stream))
}
