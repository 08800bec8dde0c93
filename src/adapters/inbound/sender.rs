//! A configured sender, and whether a request comes from it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::Limits;
use super::proof::{Head, Proof};
use super::rate::Rate;
use crate::inventory::servers::{SenderConfig, SenderKind};
use crate::inventory::{Digest, SecretSource};
use crate::ports::{Failure, FailureKind, Renewal, Result, Secrets, same_secret};

/// How soon a refused delivery may cause another read of a credential's source. Anyone can send such a delivery, and a
/// source may be a command.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

/// What the head of a request proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The request comes from the sender.
    Credential,
    /// The request comes from the sender if it has signed the content.
    Signature,
    /// The request does not come from the sender.
    Nothing,
}

pub(super) struct Sender {
    pub(super) name: String,
    pub(super) kind: SenderKind,
    pub(super) rate: Rate,
    /// The hash of the credential that was read when the inbox was started.
    pub(super) first_hash: Digest,
    proof: Proof,
    source: SecretSource,
    secrets: Arc<dyn Secrets>,
    /// How long the credential is used before its source is read again.
    kept: Duration,
    /// When the source was last read because the credential was old.
    read_at: Mutex<Option<Instant>>,
    /// When the source was last read because a delivery was refused. The delivery that causes the read holds the lock.
    refused_at: tokio::sync::Mutex<Option<Instant>>,
}

impl Sender {
    /// Reads the credential, so that an operator learns of a missing one when the inbox is started.
    pub(super) async fn new(
        (name, config): (String, SenderConfig),
        secrets: Arc<dyn Secrets>,
        limits: &Limits,
    ) -> Result<Self> {
        let place = format!("sender {name} of the inbox");
        let failed = |failure: Failure| {
            let message = format!("{}: {}", failure.target, failure.message);
            Failure::new(failure.kind, &place, "reading its credential", message).hint(failure.hint)
        };
        let Some(credential) = config.credential() else {
            let message = "it needs exactly one credential that its kind can use";
            return Err(Failure::new(
                FailureKind::Rejected,
                place,
                "reading its credential",
                message,
            ));
        };
        let proof = Proof::of(config.kind, &credential);
        let source = credential.source().clone();
        let secret = secrets.kept(&source).await.map_err(failed)?;
        proof.check(&secret).map_err(failed)?;
        Ok(Self {
            name,
            kind: config.kind,
            rate: Rate::new(limits.per_second, limits.burst),
            first_hash: Digest::of(secret.expose_secret().as_bytes()),
            proof,
            source,
            secrets,
            kept: limits.credential,
            read_at: Mutex::new(Some(Instant::now())),
            refused_at: tokio::sync::Mutex::default(),
        })
    }

    /// What the head of a request proves. If `may_read`, the source of the credential may be read again because the
    /// request is refused. Fails if the credential cannot be read.
    pub(super) async fn shown(
        &self,
        head: &Head<'_>,
        now: Timestamp,
        may_read: bool,
    ) -> Result<Shown> {
        let (shown, is_shown) = if self.proof.is_signature() {
            (Shown::Signature, self.proof.may_be_signed(head, now))
        } else {
            let is_shown = |secret: &_| self.proof.is_shown(secret, head);
            (Shown::Credential, self.accepts(is_shown, may_read).await?)
        };
        Ok(if is_shown { shown } else { Shown::Nothing })
    }

    /// Whether the sender has signed the content. `may_read` and failures are as for [`Sender::shown`].
    pub(super) async fn has_signed(
        &self,
        head: &Head<'_>,
        content: &[u8],
        may_read: bool,
    ) -> Result<bool> {
        let is_signed = |secret: &_| self.proof.is_signed(secret, head, content);
        self.accepts(is_signed, may_read).await
    }

    async fn accepts(
        &self,
        proves: impl Fn(&SecretString) -> bool,
        may_read: bool,
    ) -> Result<bool> {
        let secret = self.secret().await?;
        if proves(&secret) {
            return Ok(true);
        }
        if !may_read {
            return Ok(false);
        }
        let renewed = self.after_refusal(&secret).await?;
        Ok(renewed.is_some_and(|renewed| proves(&renewed)))
    }

    /// Another credential than the one that refused a delivery; none if there is no other. The credential may have been
    /// replaced a moment ago, and many deliveries may arrive with the new one, so they wait for the one that reads it.
    async fn after_refusal(&self, old: &SecretString) -> Result<Option<SecretString>> {
        let mut refused_at = self.refused_at.lock().await;
        if refused_at.is_some_and(|at| at.elapsed() < REFUSED_PAUSE) {
            let kept = self.secrets.kept(&self.source).await?;
            return Ok(Some(kept).filter(|kept| !same_secret(kept, old)));
        }
        // Noted before the read, because the read continues if this delivery ends.
        let before = refused_at.replace(Instant::now());
        Ok(match self.secrets.renewed(&self.source, old).await {
            Renewal::Other(renewed) => Some(renewed),
            Renewal::Same => None,
            Renewal::NotRead => {
                *refused_at = before;
                None
            }
        })
    }

    async fn secret(&self) -> Result<SecretString> {
        let kept = self.secrets.kept(&self.source).await?;
        if is_due(&self.read_at, self.kept)
            && let Renewal::Other(renewed) = self.secrets.renewed(&self.source, &kept).await
        {
            return Ok(renewed);
        }
        Ok(kept)
    }
}

/// Whether enough time has passed since the last read. If so, the next read is due after the same time again.
fn is_due(last: &Mutex<Option<Instant>>, pause: Duration) -> bool {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = last.is_none_or(|at| at.elapsed() >= pause);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}
