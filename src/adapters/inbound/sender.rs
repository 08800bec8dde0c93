//! A configured sender, and whether a request comes from it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::Limits;
use super::proof::{Evidence, Proof};
use super::rate::Rate;
use crate::inventory::SecretSource;
use crate::inventory::servers::{SenderConfig, SenderKind};
use crate::ports::{Failure, FailureKind, Result, Secrets};

pub(super) struct Sender {
    pub(super) name: String,
    pub(super) kind: SenderKind,
    pub(super) rate: Rate,
    proof: Proof,
    source: SecretSource,
    secrets: Arc<dyn Secrets>,
    /// How long the credential is used before its source is read again.
    kept: Duration,
    read_at: Mutex<Instant>,
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
            proof,
            source,
            secrets,
            kept: limits.credential,
            read_at: Mutex::new(Instant::now()),
        })
    }

    /// Whether the request comes from this sender. Fails if the credential cannot be read.
    pub(super) async fn sent(&self, evidence: &Evidence<'_>) -> Result<bool> {
        let secret = self.secret().await?;
        if self.proof.is_given(&secret, evidence) {
            return Ok(true);
        }
        // The credential may have been replaced a moment ago.
        let renewed = self.secrets.renewed(&self.source, &secret).await;
        Ok(renewed.is_some_and(|renewed| self.proof.is_given(&renewed, evidence)))
    }

    async fn secret(&self) -> Result<SecretString> {
        let kept = self.secrets.kept(&self.source).await?;
        let is_old = {
            let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
            let is_old = read_at.elapsed() >= self.kept;
            if is_old {
                *read_at = Instant::now();
            }
            is_old
        };
        if is_old && let Some(renewed) = self.secrets.renewed(&self.source, &kept).await {
            return Ok(renewed);
        }
        Ok(kept)
    }
}
