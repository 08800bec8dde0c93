//! Renews the lease of a lock, and reports when the lock can no longer be relied on. The time is measured from the
//! *sending* of the last answered renewal, on a monotonic clock.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Store;
use super::locks::token;
use crate::inventory::FencingToken;
use crate::ports::kv::{Call, LeaseId};
use crate::ports::{FailureKind, Fence, Lease, LeaseState, Result};

/// A lock that this process has taken.
pub(super) struct Held {
    pub(super) store: Store,
    pub(super) key: String,
    pub(super) token: FencingToken,
    pub(super) lease: LeaseId,
    /// The time to live that the store granted.
    pub(super) ttl: Duration,
    pub(super) heartbeat: Duration,
    /// When the last answered renewal was sent.
    pub(super) renewed: Instant,
}

/// Renews the lock in the background until the returned lease is dropped.
pub(super) fn start(held: Held) -> Lease {
    let ended = CancellationToken::new();
    let (sender, state) = watch::channel(LeaseState::Held);
    let fence = Fence { token: held.token };
    let until = ended.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = until.cancelled() => {}
            why = held.beat() => {
                sender.send_replace(LeaseState::Lost(why));
                // The state stays `Lost`, with the reason, until the lease is dropped.
                until.cancelled().await;
            }
        }
    });
    Lease {
        fence,
        state,
        heartbeat: ended.drop_guard(),
    }
}

impl Held {
    /// Renews the lock until it is lost. Returns the reason.
    async fn beat(mut self) -> String {
        // The pause after a failed renewal is shorter, because less time is left.
        let soon = (self.heartbeat / 4).max(Duration::from_millis(100));
        let mut last_error = String::new();
        loop {
            let end = self.renewed + self.ttl * 2 / 3;
            let pause = if last_error.is_empty() {
                self.heartbeat
            } else {
                soon
            };
            let next = (Instant::now() + pause).min(end);
            sleep_until(next).await;
            let sent = Instant::now();
            if sent >= end {
                return self.not_renewed(&last_error);
            }
            let outcome = tokio::select! {
                outcome = self.renew(end) => outcome,
                () = sleep_until(end) => return self.not_renewed(&last_error),
            };
            match outcome {
                Ok(Ok(ttl)) => {
                    self.ttl = ttl;
                    self.renewed = sent;
                    last_error.clear();
                }
                Ok(Err(lost)) => return lost.to_owned(),
                Err(failure) if failure.kind == FailureKind::Missing => return failure.message,
                Err(failure) => {
                    last_error = failure.message;
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    /// Renews the lease, and checks that the key still holds this lock. Returns the time to live, or why the lock is
    /// lost.
    async fn renew(&self, until: Instant) -> Result<std::result::Result<Duration, &'static str>> {
        let call = Call {
            doing: "renewing the lock",
            until,
        };
        let ttl = self.store.kv().renew(call, self.lease).await?;
        let current = self.store.read_one(call, &self.key).await?;
        Ok(match current.as_ref().map(token) {
            Some(token) if token == self.token => Ok(ttl),
            Some(_) => Err("the lock now has another holder"),
            None => Err("the lock was removed"),
        })
    }

    fn not_renewed(&self, last_error: &str) -> String {
        let seconds = (self.ttl * 2 / 3).as_secs();
        let why = if last_error.is_empty() {
            "no answer"
        } else {
            last_error
        };
        format!("not renewed for {seconds} s: {why}")
    }
}
