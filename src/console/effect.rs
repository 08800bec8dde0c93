//! What the console has to do after an event. `update` returns effects, and `run` and `perform` carry them out.

use std::any::Any;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use super::backend::Backend;
use super::model::{HistoryQuestion, LogSource, Model, ViewState};
use crate::inventory::{Digest, ReleaseId, Target, VersionRef};
use crate::release::{
    Approval, Command, Plan, RepairApproval, RepairPlan, ResumeAction, TakeoverRequest,
};

/// Whether to report new diagnostic messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    On,
    Off,
}

/// One thing to do after an event. Answers arrive later as [`Event`](super::event::Event)s.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Ask the backend. [`Question::answered`] handles the answer.
    Ask(Arc<dyn AnyQuestion>),
    /// Ring the terminal's bell.
    Ring,
    /// List the versions that can be chosen, and read the rules and the past releases of the target.
    ListVersions(Target),
    /// Ask the image registry which image a tag names now.
    LookUp {
        target: Target,
        /// The tag. The answer contains it too.
        name: String,
        reference: VersionRef,
    },
    /// Find the image of a version that was live in the target before.
    FindImage {
        target: Target,
        digest: Digest,
    },
    /// Cancel the lists and look-ups of the picker, because the picker was closed.
    ForgetVersions,
    /// Read the rules and the past releases of a target.
    AskTerms(Target),
    /// Start the release of an approved plan.
    Begin {
        plan: Arc<Plan>,
        approval: Approval,
    },
    /// Continue a release that this console does not drive, back it out, or end it and keep everything as it is.
    ResumeRelease {
        target: Target,
        release: ReleaseId,
        resume_action: ResumeAction,
        /// Set if another console or command holds the lock. The lock is then taken from this holder.
        takeover: Option<TakeoverRequest>,
        approval: Approval,
    },
    /// Carry out an approved repair plan.
    Repair {
        plan: Arc<RepairPlan>,
        approval: RepairApproval,
    },
    /// Send a command to a release that this console drives.
    Send {
        release: ReleaseId,
        command: Command,
    },
    /// Follow a log. Each feed follows one log, so the earlier log of the same feed is no longer followed.
    FollowLog(LogSource),
    /// Stop following all logs.
    LeaveLogs,
    /// Ask the archive of past releases. The answer repeats the number `request_id`.
    AskHistory {
        request_id: u64,
        question: HistoryQuestion,
    },
    /// Report new diagnostic messages, or stop reporting them.
    WatchDiagnostics(Watch),
    /// Observe this target more often, because the operator has opened it.
    LookAt(Target),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Draw the whole screen again, because another program may have drawn on the terminal.
    Repaint,
    /// Receive clicks and wheel turns (`true`), or leave them to the terminal.
    Mouse(bool),
    /// Restore the terminal and stop the process, until the shell continues it.
    Suspend,
    /// Set up the terminal again after the process has continued, and draw everything.
    Resume,
    Leave(ExitReason),
}

/// Why the console ended. The results of releases are in their journals, and not in this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    Quit,
    /// The operator reloads the configuration. The caller opens the console again at the same place.
    Reload(Box<ViewState>),
    /// A signal asked the process to end. Contains the name of the signal.
    Signal(&'static str),
    /// The terminal was closed.
    TerminalLost,
    /// A task of the console or of another part of Greenroom panicked. The panic hook has reported it.
    Panicked,
}

/// A question to the backend: how it is asked, and how the console handles the answer. A new question needs only a type
/// that implements this trait.
pub trait Question: Debug + Send + Sync + 'static {
    type Answer: Clone + Debug + Send + Sync;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer>;

    fn answered(&self, model: &mut Model, answer: Self::Answer) -> Vec<Effect>;
}

/// A question of any type.
pub trait AnyQuestion: Any + Debug + Send + Sync {
    /// Asks the backend. Returns the answer together with its question.
    fn put(self: Arc<Self>, backend: Arc<dyn Backend>) -> Call<'static, Arc<dyn Answer>>;
}

/// A running call of the backend.
pub type Call<'a, A> = Pin<Box<dyn Future<Output = A> + Send + 'a>>;

impl<Q: Question> AnyQuestion for Q {
    fn put(self: Arc<Self>, backend: Arc<dyn Backend>) -> Call<'static, Arc<dyn Answer>> {
        Box::pin(async move {
            let answer = self.ask(&*backend).await;
            Arc::new((self, answer)) as Arc<dyn Answer>
        })
    }
}

/// The answer to a question, with the question.
pub trait Answer: Debug + Send + Sync {
    fn handle(&self, model: &mut Model) -> Vec<Effect>;
}

impl<Q: Question> Answer for (Arc<Q>, Q::Answer) {
    fn handle(&self, model: &mut Model) -> Vec<Effect> {
        self.0.answered(model, self.1.clone())
    }
}

impl Effect {
    pub fn ask(question: impl Question) -> Self {
        Self::Ask(Arc::new(question))
    }

    /// The question, if it has this type.
    pub fn question<Q: Question>(&self) -> Option<&Q> {
        match self {
            Self::Ask(question) => {
                let question: &dyn Any = &**question;
                question.downcast_ref()
            }
            _ => None,
        }
    }
}
