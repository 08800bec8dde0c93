//! The driver of a repair. It runs the effects of the repair's machine through the ports, one after the other, and
//! passes the answers back to the machine. At the end it releases the lock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::RepairNews;
use super::look::look;
use crate::inventory::{Connections, Slot};
use crate::ports::{Clock, Lease, LeaseState};
use crate::release::action::{Action, ActionError, ActionErrorKind};
use crate::release::approval::ApprovedRepair;
use crate::release::driver::{Performer, error_kind};
use crate::release::engine::release_lock;
use crate::release::repair::{RepairEffect, RepairEvent, RepairMachine};
use crate::release::{Site, Writing};

/// How long releasing the lock may take. If the store does not answer in time, the lock expires with its lease.
const RELEASE_LOCK: Duration = Duration::from_secs(5);

pub(super) struct Drive {
    pub(super) machine: RepairMachine,
    pub(super) approved: ApprovedRepair,
    pub(super) site: Site,
    pub(super) write: Writing,
    pub(super) lease: Lease,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) news: mpsc::Sender<RepairNews>,
    pub(super) stops: watch::Receiver<bool>,
}

impl Drive {
    pub(super) async fn run(mut self) {
        // A steady clock keeps the waits of the repair correct if the machine's clock is set.
        let steady = self.clock.steady();
        let mut answer = Some(RepairEvent::Started);
        while let Some(event) = answer.take() {
            if *self.stops.borrow() {
                self.machine
                    .handle(self.clock.now(), RepairEvent::StopAsked);
            }
            for effect in self.machine.handle(self.clock.now(), event) {
                match effect {
                    RepairEffect::Announce(message) => self.say(message).await,
                    other => answer = Some(Box::pin(self.answer(other)).await),
                }
            }
        }
        drop(steady);
        let target = &self.site.definition.target;
        let releasing = release_lock(&self.write, target, &self.lease);
        if timeout(RELEASE_LOCK, releasing).await.is_err() {
            tracing::warn!(
                "the lock of {target} was not released in time. It expires with its lease"
            );
        }
        let ended = RepairNews::Ended(Box::new(self.machine.record().clone()));
        // If no user interface listens, the result is only in the journal.
        let _ = self.news.send(ended).await;
    }

    async fn answer(&self, effect: RepairEffect) -> RepairEvent {
        match effect {
            RepairEffect::Record(record) => {
                let written = self
                    .write
                    .store
                    .journal
                    .repair(&record, &self.lease.fence)
                    .await;
                written.map_or_else(
                    |failure| RepairEvent::Unrecorded(failure.to_string()),
                    |()| RepairEvent::Recorded,
                )
            }
            RepairEffect::Observe => {
                let own = Some(self.lease.fence.token);
                let seen = look(&self.site, self.clock.now(), own).await;
                RepairEvent::Seen(Box::new(seen))
            }
            RepairEffect::Count(slot) => RepairEvent::Counted(self.connections(slot).await),
            RepairEffect::Act(action) => RepairEvent::Acted(self.act(&action).await),
            RepairEffect::Wait(time) => {
                sleep(time).await;
                match &*self.lease.state.borrow() {
                    LeaseState::Held => RepairEvent::Fired,
                    LeaseState::Lost(why) => RepairEvent::LockLost(why.clone()),
                }
            }
            // `run` handles this effect: it never reaches this function.
            RepairEffect::Announce(_) => RepairEvent::Fired,
        }
    }

    async fn connections(&self, slot: Slot) -> Option<u64> {
        let target = &self.site.definition.target;
        let router = self.site.read.router.as_ref()?;
        match router.connections(target, slot).await {
            Ok(Connections::Open(open)) => Some(open),
            Ok(Connections::Uncounted(_)) | Err(_) => None,
        }
    }

    async fn act(&self, action: &Action) -> Result<(), ActionError> {
        if !self.approved.covers(action) {
            return Err(ActionError {
                kind: ActionErrorKind::Final,
                text: "the approval does not include this action".to_owned(),
            });
        }
        let performer = Performer {
            definition: &self.site.definition,
            read: &self.site.read,
            write: &self.write,
            fence: &self.lease.fence,
            clock: self.clock.as_ref(),
            operator: &self.machine.record().operator,
            progress: &|_| {},
        };
        performer.perform(action).await.map_err(|failure| {
            tracing::warn!("{failure}");
            ActionError {
                kind: error_kind(&failure),
                text: failure.to_string(),
            }
        })
    }

    async fn say(&self, message: String) {
        tracing::info!(target: "repair", subject = %self.site.definition.target, "{message}");
        let _ = self.news.send(RepairNews::Message(message)).await;
    }
}
