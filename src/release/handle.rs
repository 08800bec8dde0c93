//! The handle that a console, a command or an agent has of a running release: it sends commands and
//! shows the status. Dropping a handle does not end the release.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc, watch};

use super::{Announcement, Approval, Choice, Status};
use crate::inventory::{InstanceId, Operator};

/// A command of a person to a running release.
#[derive(Debug, Clone)]
pub enum Command {
    /// Approve the waiting step.
    Approve(Approval),
    /// Undo everything that was done, after the current act has been observed.
    BackOut {
        /// The operator.
        by: Operator,
        /// The reason.
        reason: String,
    },
    /// Choose what to do about a failed step.
    Choose {
        /// The choice.
        choice: Choice,
        /// The operator.
        by: Operator,
        /// The operator's reason.
        note: Option<String>,
    },
    /// Run the checks again, while *register* or *switch* waits for an approval.
    CheckAgain {
        /// The operator.
        by: Operator,
    },
    /// End the standby now and continue with *stop*, which may ask for its approval.
    EndStandby,
    /// End the standby and the release while the old version is still warm.
    Supersede {
        /// The release that takes over, in words, if any.
        by: Option<String>,
    },
    /// Another operator may drive the release: read who has the lock, and stop if this driver lost
    /// it.
    LookAtLock,
    /// Stop driving after the current act has been observed, and let exactly this console resume.
    HandOver {
        /// The successor.
        to: Operator,
        /// The successor's console.
        console: String,
        /// The operator who hands it over.
        by: Operator,
    },
    /// Stop driving after the current act has been observed, and leave the release interrupted.
    Interrupt {
        /// The reason.
        reason: String,
    },
}

/// A running release.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) status: watch::Receiver<Arc<Status>>,
    pub(super) candidate: watch::Receiver<Option<InstanceId>>,
    pub(super) announcements: broadcast::Sender<Announcement>,
    /// Receives every announcement from the driver's first one on; for the first listener.
    pub(super) first: Arc<Mutex<Option<broadcast::Receiver<Announcement>>>>,
}

/// The driver has ended. What it did is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this driver has stopped: the release can be resumed")]
pub struct NotDriven;

impl Handle {
    /// Sends a command to the driver.
    pub async fn command(&self, command: Command) -> Result<(), NotDriven> {
        self.commands.send(command).await.map_err(|_| NotDriven)
    }

    /// Waits until its driver has ended. Then its lock is given back, if this driver still held it.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Waits until its driver will do nothing more.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut status = self.status.clone();
        async move {
            // A driver that has ended does nothing more either.
            let _ = status.wait_for(|status| status.is_over()).await;
        }
    }

    /// The candidate, as soon as it is started.
    pub fn candidate(&self) -> watch::Receiver<Option<InstanceId>> {
        self.candidate.clone()
    }

    /// The current status, and a way to wait for the next one.
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// The announcements: for the first listener from the beginning, for others from now on.
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        first.unwrap_or_else(|| self.announcements.subscribe())
    }
}
