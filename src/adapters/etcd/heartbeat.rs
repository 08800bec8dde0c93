//! Keeps a lock alive and reports when it can no longer be relied on. The time is measured from the
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

/// A lock that this console took.
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

/// Starts the heartbeat.
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
                "its lease expired",
            )),
        })
}

/// A new stream for one renewal, because each may go to another node.
async fn renewal(client: Client, lease: i64) -> Result<i64, Error> {
    let mut leases = client.lease_client();
    // The library hides the time in the first answer, and turns a dead lease into an error. The
    // second answer has the remaining time.
    let (mut keeper, mut answers) = leases.keep_alive(lease).await?;
    keeper.keep_alive().await?;
    let answer = answers.message().await?;
    Ok(answer.map_or(0, |answer| answer.ttl()))
}

impl Held {
    /// Runs until the lock is lost. Returns the reason.
    async fn beat(mut self) -> String {
        // After a failure, less time is left.
        let soon = (self.heartbeat / 4).max(Duration::from_millis(100));
        let mut said = String::new();
        loop {
            let end = self.renewed + self.ttl * 2 / 3;
            let pause = if said.is_empty() {
                self.heartbeat
            } else {
                soon
            };
            let next = (Instant::now() + pause).min(end);
            sleep_until(next).await;
            let sent = Instant::now();
            if sent >= end {
                return self.silence(&said);
            }
            let round = async {
                let ttl = renew(&self.store, self.lease, end).await?;
                self.check(end).await?;
                Ok::<_, EtcdError>(ttl)
            };
            let outcome = tokio::select! {
                outcome = round => outcome,
                () = sleep_until(end) => return self.silence(&said),
            };
            match outcome {
                Ok(ttl) => {
                    self.ttl = ttl;
                    self.renewed = sent;
                    said.clear();
                }
                Err(error) if error.sort == Sort::Refused(FailureKind::Missing) => {
                    return error.said;
                }
                Err(error) => {
                    said = error.said;
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    fn silence(&self, said: &str) -> String {
        let seconds = (self.ttl * 2 / 3).as_secs();
        let why = if said.is_empty() { "no answer" } else { said };
        format!("not renewed for {seconds} s: {why}")
    }

    /// Checks that the key still is this lock.
    async fn check(&self, until: Instant) -> Answer<()> {
        let read = one(&self.key);
        let answer = self
            .store
            .ranges("reading the lock", until, vec![read])
            .await
            .map_err(|failure| EtcdError::unclear(failure.said))?;
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
