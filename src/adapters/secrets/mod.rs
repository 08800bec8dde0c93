//! Reads secrets from the configured sources: an environment variable, a file, or the output of a command. The secret
//! is the whole text without one final newline. The last values of each source stay in memory, so that they can be
//! hidden in texts. Secrets of instances and channels are nevertheless read again for each use. This module must never
//! log or describe a value.

mod source;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::{Instant, timeout};

use self::source::Read;
use crate::inventory::SecretSource;
use crate::ports::{Bound, Failure, FailureKind, Renewal, Result, Secrets, TimeLimit, same_secret};
use crate::sanitize::sanitize;

/// The time limit for a file or a command.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long the failure to read a kept secret is remembered, and the shortest time before a refused secret is read
/// again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The most values of one source that are remembered, so that old values are hidden too.
const REMEMBERED: usize = 8;

/// The read limits for a source.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "secrets",
    answer: "a file, or the output of a command",
    bytes: source::LONGEST,
    time: TimeLimit::Within(DEADLINE),
}];

/// Reads each kind of source on this machine. Clones share the kept secrets.
#[derive(Debug, Clone)]
pub struct LocalSecrets {
    deadline: Duration,
    again_after: Duration,
    kept: Arc<Mutex<HashMap<SecretSource, Arc<tokio::sync::Mutex<Kept>>>>>,
    known: Arc<Mutex<HashMap<SecretSource, Vec<SecretString>>>>,
    learned: Arc<AtomicU64>,
}

impl Default for LocalSecrets {
    fn default() -> Self {
        Self {
            deadline: DEADLINE,
            again_after: AGAIN_AFTER,
            kept: Arc::default(),
            known: Arc::default(),
            learned: Arc::default(),
        }
    }
}

/// A kept secret. The caller that reads the source holds the lock; other callers wait for the lock.
#[derive(Debug, Default)]
struct Kept {
    last: Option<Read>,
    read_at: Option<Instant>,
}

impl Kept {
    /// The result of the last read, if it is still valid.
    fn known(&self, again_after: Duration) -> Option<Read> {
        match self.last.as_ref()? {
            Err(_) if !self.was_read_within(again_after) => None,
            known => Some(known.clone()),
        }
    }

    fn was_read_within(&self, time: Duration) -> bool {
        self.read_at.is_some_and(|at| at.elapsed() < time)
    }

    async fn read(&mut self, source: &SecretSource, deadline: Duration) -> Read {
        let read = within(source, deadline).await;
        self.last = Some(read.clone());
        self.read_at = Some(Instant::now());
        read
    }

    /// Looks for another secret than the secret that a server refused. Reads the source again if necessary.
    async fn renewed(
        &mut self,
        source: &SecretSource,
        refused: &SecretString,
        deadline: Duration,
        again_after: Duration,
    ) -> Renewal {
        if let Some(Ok(known)) = &self.last
            && !same_secret(known, refused)
        {
            return Renewal::Other(known.clone());
        }
        if self.was_read_within(again_after) {
            return Renewal::NotRead;
        }
        let before = self.last.clone();
        let read = self.read(source, deadline).await;
        if read.is_err() {
            // The old secret may become valid again, because a restarted server refuses everything for a moment.
            self.last = before;
        }
        match read {
            Ok(now) if !same_secret(&now, refused) => Renewal::Other(now),
            _ => Renewal::Same,
        }
    }
}

#[async_trait]
impl Secrets for LocalSecrets {
    async fn read(&self, source: &SecretSource) -> Result<SecretString> {
        let read = within(source, self.deadline).await;
        self.remember(source, &read);
        read.map_err(|wrong| failure(source, wrong, self.deadline))
    }

    async fn kept(&self, source: &SecretSource) -> Result<SecretString> {
        let (kept, wanted) = (self.entry(source), source.clone());
        let (deadline, again_after) = (self.deadline, self.again_after);
        // The read has its own task, so a caller that stops waiting does not end a read for which other callers wait.
        let reading = tokio::spawn(async move {
            let mut kept = kept.lock_owned().await;
            match kept.known(again_after) {
                Some(known) => known,
                None => kept.read(&wanted, deadline).await,
            }
        });
        let read = reading.await.unwrap_or_else(|error| {
            let message = format!("the read failed: {error}");
            Err((FailureKind::Unreachable, message))
        });
        self.remember(source, &read);
        read.map_err(|wrong| failure(source, wrong, self.deadline))
    }

    async fn renewed(&self, source: &SecretSource, refused: &SecretString) -> Renewal {
        if matches!(source, SecretSource::Env(_)) {
            // The environment of a process does not change.
            return Renewal::NotRead;
        }
        let (kept, wanted) = (self.entry(source), source.clone());
        let (deadline, again_after) = (self.deadline, self.again_after);
        let refused = refused.clone();
        // This read has its own task too. A caller that stops waiting gets the new secret at its next call.
        let reading = tokio::spawn(async move {
            let mut kept = kept.lock_owned().await;
            kept.renewed(&wanted, &refused, deadline, again_after).await
        });
        let renewed = reading.await.unwrap_or(Renewal::NotRead);
        if let Renewal::Other(secret) = &renewed {
            self.remember(source, &Ok(secret.clone()));
        }
        renewed
    }

    fn known(&self, source: &SecretSource) -> Vec<SecretString> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(source).cloned().unwrap_or_default()
    }

    fn learned(&self) -> u64 {
        self.learned.load(Ordering::Acquire)
    }
}

impl LocalSecrets {
    fn remember(&self, source: &SecretSource, read: &Read) {
        let Ok(secret) = read else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(source.clone()).or_default();
        if !known.iter().any(|it| same_secret(it, secret)) {
            known.push(secret.clone());
            let forgotten = known.len().saturating_sub(REMEMBERED);
            known.drain(..forgotten);
            // The count grows after the value is stored, so that a caller that sees the new count finds the value.
            self.learned.fetch_add(1, Ordering::Release);
        }
    }

    fn entry(&self, source: &SecretSource) -> Arc<tokio::sync::Mutex<Kept>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry(source.clone()).or_default())
    }
}

async fn within(source: &SecretSource, deadline: Duration) -> Read {
    let read = timeout(deadline, source::read(source)).await;
    read.unwrap_or_else(|_| {
        let message = match source {
            SecretSource::Command(_) => {
                format!("the command did not end within {deadline:?} and was killed")
            }
            _ => format!("no answer within {deadline:?}"),
        };
        Err((FailureKind::Unreachable, message))
    })
}

fn failure(
    source: &SecretSource,
    (kind, message): (FailureKind, String),
    deadline: Duration,
) -> Failure {
    let hint = match source {
        SecretSource::Env(name) => {
            format!("set {name} in the environment in which greenroom is started")
        }
        SecretSource::File(path) => {
            format!(
                "check that {} exists, is readable for this user and contains only the secret",
                path.display()
            )
        }
        SecretSource::Command(_) => format!(
            "run the command as this user without a terminal: it must print the secret within {deadline:?} and exit with 0"
        ),
    };
    Failure::new(kind, name(source), "reading the secret", message).hint(sanitize(&hint))
}

/// The name of a source in errors. For a command this is only the program, because its arguments may be secret.
fn name(source: &SecretSource) -> String {
    let name = match source {
        SecretSource::Env(name) => format!("environment variable {name}"),
        SecretSource::File(path) => format!("file {}", path.display()),
        SecretSource::Command(argv) => match argv.first() {
            Some(program) => format!("command {program}"),
            None => "command".to_owned(),
        },
    };
    sanitize(&name)
}

#[cfg(test)]
mod tests;
