//! What the console has to do after an event. `update` returns effects, and `run` and `perform` carry them out.

use std::any::Any;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use super::backend::Backend;
use super::model::{LogSource, Model, ViewState};
use crate::inventory::{ReleaseId, Target};
use crate::release::{Command, Handle, RepairApproval, RepairPlan};

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
    /// Cancel the unanswered questions of this group.
    Cancel(QuestionGroup),
    /// Report the changes of a release that this process has started or resumed.
    WatchRelease(Handle),
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

    /// The group with which the question is cancelled.
    fn group(&self) -> Option<QuestionGroup> {
        None
    }

    /// Whether to ask again after a pause, because the answer is a failure that may pass. Each answer is handled.
    fn is_repeated_after(&self, _answer: &Self::Answer) -> bool {
        false
    }
}

/// Questions that are cancelled together, because their dialog was closed or a later question replaced them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuestionGroup {
    /// The lists and look-ups of the picker.
    Picker,
    /// The question of the history. Only the answer to the last one is shown.
    History,
}

/// A question of any type.
pub trait AnyQuestion: Any + Debug + Send + Sync {
    /// Asks the backend. Returns the answer together with its question.
    fn put(self: Arc<Self>, backend: Arc<dyn Backend>) -> Call<'static, Arc<dyn Answer>>;

    fn group(&self) -> Option<QuestionGroup>;
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

    fn group(&self) -> Option<QuestionGroup> {
        Question::group(self)
    }
}

/// The answer to a question, with the question.
pub trait Answer: Debug + Send + Sync {
    fn handle(&self, model: &mut Model) -> Vec<Effect>;

    /// Whether to ask the question again after a pause.
    fn is_repeated(&self) -> bool;
}

impl<Q: Question> Answer for (Arc<Q>, Q::Answer) {
    fn handle(&self, model: &mut Model) -> Vec<Effect> {
        self.0.answered(model, self.1.clone())
    }

    fn is_repeated(&self) -> bool {
        self.0.is_repeated_after(&self.1)
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
