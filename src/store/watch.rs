//! Hints that a key of some target has changed. After a lost connection, the watch sends [`Hint::Anything`] and
//! continues where it stopped. If the store no longer knows the missed changes, the watch continues from the current
//! state.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Store;
use crate::ports::kv::Change;
use crate::ports::{Failure, FailureKind, Hint, Result};

const DOING: &str = "watching for changes";

/// The first and the longest pause before another attempt.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A stream of hints about all changes after this call.
pub(super) async fn changes(store: Store) -> BoxStream<'static, Result<Hint>> {
    let (sender, receiver) = mpsc::channel(16);
    // The revision is read before this function returns, so that no later change is missed, however long connecting
    // takes.
    let first = store.kv().revision(store.call(DOING)).await;
    tokio::spawn(async move {
        let watcher = Watcher {
            store,
            sender: sender.clone(),
            next: None,
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

struct Watcher {
    store: Store,
    sender: mpsc::Sender<Result<Hint>>,
    /// The first revision that has not been received; none if it is unknown.
    next: Option<i64>,
    /// False from the report of an outage until the next hint.
    is_reported_up: bool,
}

impl Watcher {
    async fn run(mut self, first: Result<i64>) {
        match first {
            Ok(revision) => self.next = Some(revision.saturating_add(1)),
            Err(failure) => self.report_outage(failure).await,
        }
        let mut pause = PAUSES.0;
        loop {
            let before = self.next;
            let Err(failure) = self.listen().await else {
                continue;
            };
            // A change was received since the last failure, so this is a new outage.
            if self.next > before {
                pause = PAUSES.0;
            }
            self.report_outage(failure).await;
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Reports an outage, unless it has been reported already.
    async fn report_outage(&mut self, failure: Failure) {
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
    async fn listen(&mut self) -> Result<()> {
        let next = match self.next {
            Some(next) => next,
            None => self.current().await?.saturating_add(1),
        };
        self.next = Some(next);
        let call = self.store.call(DOING);
        let mut changes = self.store.kv().watch(call, next).await?;
        if !self.is_reported_up {
            self.hint(Hint::Anything).await;
        }
        while let Some(change) = changes.next().await {
            match change? {
                Change::Compacted => {
                    self.next = Some(self.current().await?.saturating_add(1));
                    self.hint(Hint::Anything).await;
                    return Ok(());
                }
                Change::Changed { revision, keys } => {
                    self.next = self.next.max(Some(revision.saturating_add(1)));
                    // One transaction may change several keys of a target. These keys make one hint.
                    let of = keys
                        .iter()
                        .filter_map(|key| self.store.keys().target_of(key));
                    for target in of.collect::<BTreeSet<_>>() {
                        self.hint(Hint::Target(target)).await;
                    }
                }
            }
        }
        let kind = FailureKind::Unreachable;
        Err(self.store.failure(kind, DOING, "the watch ended"))
    }

    async fn current(&self) -> Result<i64> {
        self.store.kv().revision(self.store.call(DOING)).await
    }
}
