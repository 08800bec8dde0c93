//! What console, command line and agent hold of a release in flight: a way to command it, and
//! what it shows. Dropping a handle does not end the release.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc, watch};

use super::{Announcement, Approval, Choice, Status};
use crate::inventory::{InstanceId, Operator};

/// What a person may say to a release in flight.
#[derive(Debug, Clone)]
pub enum Command {
    /// Yes to the step that waits.
    Approve(Approval),
    /// Undo everything that was done, after the current act has been observed.
    BackOut {
        /// Who.
        by: Operator,
        /// Why.
        reason: String,
    },
    /// What to do about a failed step.
    Choose {
        /// What.
        choice: Choice,
        /// Who.
        by: Operator,
        /// Why.
        note: Option<String>,
    },
    /// Run the checks again, while *register* or *switch* waits for a yes.
    CheckAgain {
        /// Who.
        by: Operator,
    },
    /// End the standby now: go on to *stop*. Where that needs an approval, it is asked for.
    EndStandby,
    /// End the standby and the release with the old version still warm.
    Supersede {
        /// The release that takes over, in words, if one does.
        by: Option<String>,
    },
    /// Somebody else is said to drive it: look who has the lock, and stop where it is not ours.
    LookAtLock,
    /// Stop driving after the current act has been observed, and let exactly this console go on.
    HandOver {
        /// To whom.
        to: Operator,
        /// Which of their consoles.
        console: String,
        /// Who hands it over.
        by: Operator,
    },
    /// Stop driving after the current act has been observed, and leave the release interrupted.
    Interrupt {
        /// Why.
        reason: String,
    },
}

/// A release in flight.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) status: watch::Receiver<Arc<Status>>,
    pub(super) candidate: watch::Receiver<Option<InstanceId>>,
    pub(super) announcements: broadcast::Sender<Announcement>,
    /// Hears from before the driver's first word on; for whoever listens first.
    pub(super) first: Arc<Mutex<Option<broadcast::Receiver<Announcement>>>>,
}

/// The driver is gone; what it left behind is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this release is not driven any more")]
pub struct NotDriven;

impl Handle {
    /// Says something to it.
    pub async fn command(&self, command: Command) -> Result<(), NotDriven> {
        self.commands.send(command).await.map_err(|_| NotDriven)
    }

    /// Waits until its driver has ended: then its lock is given back, if it was still ours.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Waits until nothing more will happen by its driver.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut status = self.status.clone();
        async move {
            // A driver that is gone does nothing more either.
            let _ = status.wait_for(|status| status.is_over()).await;
        }
    }

    /// The candidate, as soon as it is started.
    pub fn candidate(&self) -> watch::Receiver<Option<InstanceId>> {
        self.candidate.clone()
    }

    /// What it shows now, and a way to wait for the next.
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// What happens: to the first listener from the beginning on, to others from now on.
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        first.unwrap_or_else(|| self.announcements.subscribe())
    }
}
