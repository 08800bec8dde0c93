//! Renews the lease of a lock, and reports when the lock can no longer be relied on. The time is measured from the
//! *sending* of the last answered renewal, on a monotonic clock.

use std::time::Duration;

use etcd_client::{Client, Error};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::error::{EtcdError, Sort};
use super::reader::token;
use super::store::{Answer, Store, one};
use crate::inventory::FencingToken;
use crate::ports::{FailureKind, Fence, Lease, LeaseState};

/// A lock that this process has taken.
pub(super) struct Held {
    pub(super) store: Store,
    pub(super) key: String,
    pub(super) token: FencingToken,
    pub(super) lease: i64,
    /// The time to live that etcd granted.
    pub(super) ttl: Duration,
    pub(super) heartbeat: Duration,
    /// When the last renewal was sent.
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
                // The final reason stays readable as long as the lease has an owner.
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

/// Renews a lease once. Returns its remaining time.
pub(super) async fn renew(store: &Store, lease: i64, until: Instant) -> Answer<Duration> {
    store
        .attempt(until, |client| renewal(client, lease))
        .await
        .and_then(|ttl| match u64::try_from(ttl) {
            Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
            _ => Err(EtcdError::refused(
                FailureKind::Missing,
                "the lease has expired",
            )),
        })
}

/// Renews the lease over a new stream, because each renewal may go to another node. Returns the remaining time in
/// seconds.
async fn renewal(client: Client, lease: i64) -> Result<i64, Error> {
    let mut leases = client.lease_client();
    // The library hides the time in the first answer, and turns an expired lease into an error. The second answer has
    // the remaining time.
    let (mut keeper, mut answers) = leases.keep_alive(lease).await?;
    keeper.keep_alive().await?;
    let answer = answers.message().await?;
    Ok(answer.map_or(0, |answer| answer.ttl()))
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
            let round = async {
                let ttl = renew(&self.store, self.lease, end).await?;
                self.check(end).await?;
                Ok::<_, EtcdError>(ttl)
            };
            let outcome = tokio::select! {
                outcome = round => outcome,
                () = sleep_until(end) => return self.not_renewed(&last_error),
            };
            match outcome {
                Ok(ttl) => {
                    self.ttl = ttl;
                    self.renewed = sent;
                    last_error.clear();
                }
                Err(error) if error.sort == Sort::Refused(FailureKind::Missing) => {
                    return error.said;
                }
                Err(error) => {
                    last_error = error.said;
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
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

    /// Checks that the key still holds this lock.
    async fn check(&self, until: Instant) -> Answer<()> {
        let read = one(&self.key);
        let answer = self
            .store
            .ranges("reading the lock", until, vec![read])
            .await
            .map_err(|failure| EtcdError::unclear(failure.message))?;
        let current = answer.1.into_iter().flatten().next();
        match current.as_ref().map(token) {
            Some(token) if token == self.token => Ok(()),
            Some(_) => Err(EtcdError::refused(
                FailureKind::Missing,
                "another operator now holds the lock",
            )),
            None => Err(EtcdError::refused(
                FailureKind::Missing,
                "the lock was removed",
            )),
        }
    }
}
