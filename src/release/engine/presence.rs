//! Presence at a target: being shown there, requesting a handover, and declining one. Only if writing is allowed: a
//! console that may only read is not shown, and that is not an error.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Engine;
use crate::inventory::{Declined, HandoverRequest, ReleaseId, Target, Watcher};
use crate::ports::{Failure, PresenceStore};
use crate::release::Refusal;

/// How long leaving may take: the lease ends by itself.
const TIMEOUT: Duration = Duration::from_secs(1);

impl Engine {
    /// The name of this process in locks and for other consoles.
    pub fn console(&self) -> &str {
        &self.console
    }

    /// Shows this console at a target, and no longer at the one before. If that fails, nothing else is affected.
    pub async fn look_on(&self, target: &Target, before: Option<&Target>) {
        if let Some(before) = before.filter(|before| *before != target)
            && let Some(presence) = self.presence(before)
        {
            unless(presence.gone(before, &self.console).await);
        }
        if let Some(presence) = self.presence(target) {
            let watcher = Watcher {
                operator: self.operator.clone(),
                console: self.console.clone(),
                since: self.clock.now(),
            };
            unless(presence.here(target, &watcher).await);
        }
    }

    /// Removes this console from every target, and withdraws its requests.
    pub async fn leave_presence(&self) {
        let mut left: Vec<&Arc<dyn PresenceStore>> = Vec::new();
        for site in self.sites.values() {
            let Some(write) = &site.write else { continue };
            if !left.iter().any(|one| Arc::ptr_eq(one, &write.presence)) {
                left.push(&write.presence);
            }
        }
        let leaving = left.iter().map(|presence| async {
            // If it takes too long, the lease ends by itself.
            if let Ok(left) = timeout(TIMEOUT, presence.leave()).await {
                unless(left);
            }
        });
        futures_util::future::join_all(leaving).await;
    }

    /// Asks the driver of a release for the handover.
    pub async fn request_handover(
        &self,
        target: &Target,
        release: ReleaseId,
        message: Option<String>,
    ) -> Result<HandoverRequest, Refusal> {
        let presence = self.presence(target).ok_or(Refusal::ReadOnly)?;
        let request = HandoverRequest {
            operator: self.operator.clone(),
            console: self.console.clone(),
            release,
            asked_at: self.clock.now(),
            message,
            declined: None,
        };
        match presence.ask(target, &request).await {
            Ok(None) => Ok(request),
            Ok(Some(other)) => Err(Refusal::HandoverAlreadyRequested {
                by: other.operator,
                at: other.asked_at,
            }),
            Err(failure) => Err(Refusal::Unknown {
                what: "whether the request was stored".into(),
                why: failure.to_string(),
            }),
        }
    }

    /// Withdraws a request of this console, answered or not.
    pub async fn ask_no_more(
        &self,
        target: &Target,
        asked: &HandoverRequest,
    ) -> Result<(), Failure> {
        match self.presence(target) {
            Some(presence) => presence.withdraw(target, asked).await,
            None => Ok(()),
        }
    }

    /// Declines a request for a handover.
    pub async fn decline_handover(
        &self,
        target: &Target,
        asked: &HandoverRequest,
    ) -> Result<(), Failure> {
        let Some(presence) = self.presence(target) else {
            return Ok(());
        };
        let no = Declined {
            by: self.operator.clone(),
            at: self.clock.now(),
        };
        presence.decline(target, asked, &no).await
    }

    fn presence(&self, target: &Target) -> Option<&Arc<dyn PresenceStore>> {
        Some(&self.sites.get(target)?.write.as_ref()?.presence)
    }
}

fn unless(done: Result<(), Failure>) {
    if let Err(failure) = done {
        tracing::debug!("not shown to others: {failure}");
    }
}
