//! Writes to the presence store which target this console shows, and the operator's requests for a handover. A console
//! that may only read writes nothing: other consoles do not see it, and it cannot request a handover.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Engine;
use crate::inventory::{Declined, HandoverRequest, ReleaseId, Target, Watcher};
use crate::ports::{Failure, PresenceStore};
use crate::release::Refusal;

/// How long removing this console from the store may take. Without an answer, its entries end with their lease.
const TIMEOUT: Duration = Duration::from_secs(1);

impl Engine {
    /// The name of this process, as locks contain it and other consoles see it.
    pub fn console(&self) -> &str {
        &self.console
    }

    /// Tells other consoles that this console now shows `target`, and no longer shows `before`. A failure is only
    /// logged.
    pub async fn report_presence(&self, target: &Target, before: Option<&Target>) {
        if let Some(before) = before.filter(|before| *before != target)
            && let Some(presence) = self.presence(before)
        {
            log_failure(presence.hide(before, &self.console).await);
        }
        if let Some(presence) = self.presence(target) {
            log_failure(presence.show(target, &self.watcher(false)).await);
        }
    }

    /// Tells consoles that this agent follows the pushes for `target`. A failure is only logged, because the entry is
    /// written again with the next renewal of its lease.
    pub async fn report_agent(&self, target: &Target) {
        if let Some(presence) = self.presence(target) {
            log_failure(presence.show(target, &self.watcher(true)).await);
        }
    }

    fn watcher(&self, is_agent: bool) -> Watcher {
        Watcher {
            operator: self.operator.clone(),
            console: self.console.clone(),
            since: self.clock.now(),
            is_agent,
        }
    }

    /// Removes this console from every target, and withdraws its requests.
    pub async fn leave_presence(&self) {
        let mut left: Vec<&Arc<dyn PresenceStore>> = Vec::new();
        for site in self.sites.values() {
            let Some(write) = &site.write else { continue };
            if !left
                .iter()
                .any(|store| Arc::ptr_eq(store, &write.store.presence))
            {
                left.push(&write.store.presence);
            }
        }
        let leaving = left.iter().map(|presence| async {
            // Without an answer in time, the entries end with their lease.
            if let Ok(left) = timeout(TIMEOUT, presence.leave()).await {
                log_failure(left);
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
        match presence.request_handover(target, &request).await {
            Ok(None) => Ok(request),
            Ok(Some(other)) => Err(Refusal::HandoverAlreadyRequested {
                by: other.operator,
                at: other.asked_at,
            }),
            Err(failure) => Err(Refusal::Unknown {
                fact: "whether the request was stored".into(),
                why: failure.to_string(),
            }),
        }
    }

    /// Withdraws a request of this console, whether it was answered or not.
    pub async fn withdraw_request(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<(), Failure> {
        match self.presence(target) {
            Some(presence) => presence.withdraw(target, request).await,
            None => Ok(()),
        }
    }

    pub async fn decline_handover(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<(), Failure> {
        let Some(presence) = self.presence(target) else {
            return Ok(());
        };
        let declined = Declined {
            by: self.operator.clone(),
            at: self.clock.now(),
        };
        presence.decline(target, request, &declined).await
    }

    fn presence(&self, target: &Target) -> Option<&Arc<dyn PresenceStore>> {
        Some(&self.sites.get(target)?.write.as_ref()?.store.presence)
    }
}

fn log_failure(result: Result<(), Failure>) {
    if let Err(failure) = result {
        tracing::debug!("other consoles may see an outdated presence of this console: {failure}");
    }
}
