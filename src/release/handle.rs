//! The handle of a running release. A user interface uses the handle to send commands to the driver and to read the
//! status. Dropping the handle does not end the release.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc, watch};

use super::{Announcement, Approval, Choice, Status};
use crate::inventory::{Member, Operator};
use crate::ports::CheckLines;

/// A command of an operator to the driver of a release.
#[derive(Debug, Clone)]
pub enum Command {
    /// Approve the waiting step.
    Approve(Approval),
    /// Undo everything that was done, after the current act has been observed.
    BackOut { by: Operator, reason: String },
    /// Choose what to do about a failed step.
    Choose {
        choice: Choice,
        by: Operator,
        note: Option<String>,
    },
    /// Run the checks again, while *register* or *switch* waits for an approval.
    CheckAgain { by: Operator },
    /// End the standby now and continue with *stop*, which may wait for an approval.
    EndStandby,
    /// End the standby and the release while the old version is still warm.
    Supersede {
        /// A description of the later release, if it is known.
        by: Option<String>,
    },
    /// Read who has the lock, and stop if another driver has it. Sent if another operator may have taken the release
    /// over.
    LookAtLock,
    /// Stop driving after the current act has been observed, and keep the lock for a short time, so that the
    /// operator `to` can take it.
    HandOver {
        to: Operator,
        /// The console of the operator `to`.
        console: String,
        by: Operator,
    },
    /// Stop driving after the current act has been observed, and leave the release interrupted.
    Interrupt { reason: String },
}

#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) status: watch::Receiver<Arc<Status>>,
    pub(super) candidate: watch::Receiver<Vec<Member>>,
    pub(super) check_lines: CheckLines,
    pub(super) announcements: broadcast::Sender<Announcement>,
    /// Receives all announcements since the start of the driver. The first subscriber takes this receiver.
    pub(super) first_receiver: Arc<Mutex<Option<broadcast::Receiver<Announcement>>>>,
}

/// The error if a command cannot be sent, because the driver has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the driver of this release has stopped: the release has ended, or can be resumed")]
pub struct NotDriven;

impl Handle {
    pub async fn command(&self, command: Command) -> Result<(), NotDriven> {
        self.commands.send(command).await.map_err(|_| NotDriven)
    }

    /// Waits until the driver has ended. The driver releases its lock before that, unless the store does not answer.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Waits until the release has ended or the driver has stopped driving it. The driver may still hold its lock then.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut status = self.status.clone();
        async move {
            // An error means that the driver has ended, so it does nothing more.
            let _ = status.wait_for(|status| status.is_over()).await;
        }
    }

    /// The members of the candidate; empty until this driver has started them. A new warm rollback has them from the
    /// start.
    pub fn candidate(&self) -> watch::Receiver<Vec<Member>> {
        self.candidate.clone()
    }

    /// The output of the checks that run commands: the lines that are kept, then new ones.
    pub fn check_lines(&self) -> CheckLines {
        self.check_lines.clone()
    }

    /// The current status. The receiver can also wait for the next status.
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// The announcements. The first subscriber gets all of them, every later subscriber only the new ones.
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        let first = self
            .first_receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        first.unwrap_or_else(|| self.announcements.subscribe())
    }
}
