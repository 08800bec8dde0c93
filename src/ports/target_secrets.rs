//! All secrets of one target: the secrets that requests to its health endpoint and its checks send, and the secrets in
//! the environment and the files of its instances. A program may repeat a secret anywhere, so one mask hides all of them
//! in every text about the target.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Secrets;
use crate::checks::{hide_in_query, may_be_secret};
use crate::inventory::{EnvironmentValue, Mask, SecretSource, is_word};

/// How long a call for a mask waits for the first read of the target's secrets. The limit is needed so that a source
/// that hangs does not delay every text. The request that needs the secret reports the failure.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The minimum length, in characters, of a plain environment value that is treated as a secret.
const SHORTEST_SECRET: usize = 8;

/// The pause before a failed source is read again.
const RETRY_PAUSE: Duration = Duration::from_secs(30);

/// All secrets of a target. Clones share the values that have been read.
#[derive(Clone)]
pub struct TargetSecrets(Arc<Inner>);

struct Inner {
    secrets: Arc<dyn Secrets>,
    sources: Vec<SecretSource>,
    /// The commands that provide secrets for environment variables and files. Observing a target does not run these commands, so
    /// these secrets are hidden only after this process has started an instance with them.
    start_commands: Vec<SecretSource>,
    /// Values that are written in the configuration under names that suggest a secret.
    plain: BTreeSet<String>,
    known: Mutex<Known>,
    /// The number of values that were added to `known.read`.
    read: AtomicU64,
    first_read: OnceLock<(Instant, watch::Receiver<bool>)>,
}

#[derive(Default)]
struct Known {
    read: Vec<(SecretSource, String)>,
    tried_at: Option<Instant>,
    mask: Option<(BTreeSet<String>, Mask)>,
}

impl TargetSecrets {
    /// Collects the secrets in the environment of the instances, in the named values of requests, and in the queries
    /// of paths.
    pub fn of<'a>(
        secrets: Arc<dyn Secrets>,
        environment: impl IntoIterator<Item = (&'a String, &'a EnvironmentValue)>,
        values: impl IntoIterator<Item = (&'a String, &'a EnvironmentValue)>,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let (mut sources, mut plain) = (Vec::new(), BTreeSet::new());
        for (name, value) in values {
            match value {
                EnvironmentValue::Secret(source) if sources.contains(source) => {}
                EnvironmentValue::Secret(source) => sources.push(source.clone()),
                EnvironmentValue::Plain(text) if may_be_secret(name) => {
                    plain.insert(text.clone());
                }
                EnvironmentValue::Plain(_) => {}
            }
        }
        plain.extend(paths.into_iter().flat_map(|path| hide_in_query(path).1));
        plain.retain(|text| !is_word(text));
        let mut start_commands = Vec::new();
        for (name, value) in environment {
            match value {
                EnvironmentValue::Secret(source @ SecretSource::Command(_)) => {
                    start_commands.push(source.clone());
                }
                EnvironmentValue::Secret(source) if sources.contains(source) => {}
                EnvironmentValue::Secret(source) => sources.push(source.clone()),
                EnvironmentValue::Plain(text)
                    if may_be_secret(name) && looks_like_a_secret(text) =>
                {
                    plain.insert(text.clone());
                }
                EnvironmentValue::Plain(_) => {}
            }
        }
        Self(Arc::new(Inner {
            secrets,
            sources,
            start_commands,
            plain,
            known: Mutex::default(),
            read: AtomicU64::new(0),
            first_read: OnceLock::new(),
        }))
    }

    /// The texts to hide. Waits until the sources have been read for the first time, at most two seconds.
    pub async fn texts(&self) -> BTreeSet<String> {
        self.wait_for_first_read().await;
        self.known_texts()
    }

    /// Waits until the sources have been read for the first time, or until the time limit has passed. The first call
    /// starts the read. Afterwards, starts to read failed sources again if [`RETRY_PAUSE`] has passed.
    async fn wait_for_first_read(&self) {
        if self.0.sources.is_empty() {
            return;
        }
        let (started, read) = self.0.first_read.get_or_init(|| self.start_reading());
        let mut read = read.clone();
        if !*read.borrow() {
            let _ = timeout_at(*started + TIMEOUT, read.wait_for(|read| *read)).await;
        }
        self.retry_if_due();
    }

    fn known_texts(&self) -> BTreeSet<String> {
        let mut texts = self.0.plain.clone();
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        texts.extend(known.read.iter().map(|(_, text)| text.clone()));
        drop(known);
        for source in self.0.start_commands.iter().chain(&self.0.sources) {
            let known = self.0.secrets.known(source).into_iter();
            texts.extend(known.map(|secret| secret.expose_secret().to_owned()));
        }
        texts
    }

    /// The mask that hides all secrets of the target. Waits like [`TargetSecrets::texts`].
    pub async fn mask(&self) -> Mask {
        self.wait_for_first_read().await;
        self.known_mask()
    }

    /// The mask that hides the secrets that are known already. Does not wait.
    pub fn known_mask(&self) -> Mask {
        let texts = self.known_texts();
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, mask)) = &known.mask
            && *of == texts
        {
            return mask.clone();
        }
        let mask = Mask::of(&texts);
        known.mask = Some((texts, mask.clone()));
        mask
    }

    /// A number that changes when this process may have read another secret. A mask from before the change may not hide
    /// that secret. The call costs no more than reading two numbers.
    pub fn revision(&self) -> u64 {
        // Both numbers only grow, so their sum changes whenever one of them does.
        let read = self.0.read.load(Ordering::Acquire);
        read.wrapping_add(self.0.secrets.learned())
    }

    /// Whether this process has read all secrets of the target. If not, no mask hides all of them.
    pub fn is_complete(&self) -> bool {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_read = |source: &SecretSource| {
            known.read.iter().any(|(it, _)| it == source)
                || !self.0.secrets.known(source).is_empty()
        };
        let mut sources = self.0.start_commands.iter().chain(&self.0.sources);
        sources.all(is_read)
    }

    fn start_reading(&self) -> (Instant, watch::Receiver<bool>) {
        let (publish, read) = watch::channel(false);
        let this = self.clone();
        self.note_attempt();
        tokio::spawn(async move {
            this.read_missing().await;
            publish.send_replace(true);
        });
        (Instant::now(), read)
    }

    /// Notes the time of an attempt to read the sources.
    fn note_attempt(&self) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.tried_at = Some(Instant::now());
    }

    /// Starts to read the failed sources again if the pause has passed. Does not wait for them.
    fn retry_if_due(&self) {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = known.read.len() < self.0.sources.len()
            && known.tried_at.is_none_or(|at| at.elapsed() > RETRY_PAUSE);
        drop(known);
        if is_due {
            self.note_attempt();
            let this = self.clone();
            tokio::spawn(async move { this.read_missing().await });
        }
    }

    async fn read_missing(&self) {
        let missing: Vec<&SecretSource> = {
            let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
            let is_read = |source: &SecretSource| known.read.iter().any(|(it, _)| it == source);
            let sources = self.0.sources.iter();
            sources.filter(|source| !is_read(source)).collect()
        };
        let reading = missing.into_iter().map(|source| async move {
            // The request that needs the secret reports why it cannot be read.
            let Ok(secret) = self.0.secrets.kept(source).await else {
                return;
            };
            let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
            let text = secret.expose_secret().to_owned();
            known.read.push((source.clone(), text));
            drop(known);
            self.0.read.fetch_add(1, Ordering::Release);
        });
        join_all(reading).await;
    }
}

/// Whether a plain environment value in the configuration looks like a secret: it is long, has letters and digits, and
/// is not a URL. The names `TOKEN_TTL`, `KEYCLOAK_URL` and `CACHE_KEY_PREFIX` suggest secrets, but their values are
/// ordinary text. Hiding them would blank out ordinary words in every line.
fn looks_like_a_secret(text: &str) -> bool {
    let has = |is: fn(char) -> bool| text.chars().any(is);
    text.chars().count() >= SHORTEST_SECRET
        && !text.contains("://")
        && has(|c| c.is_ascii_digit())
        && has(char::is_alphabetic)
}

impl std::fmt::Debug for TargetSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TargetSecrets({} sources)", self.0.sources.len())
    }
}
