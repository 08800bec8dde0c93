//! How long an action is guarded, tried and observed. Releases and repairs use the same times. An action that failed
//! temporarily may have happened, so the guard observes again before the next try (interlock 6).

use std::time::Duration;

use jiff::Timestamp;

use super::action::{ActionError, ActionErrorKind};
use super::time::{after, elapsed};

/// How long a guard waits until the state is as the action needs it.
pub(super) const GUARD_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause between two observations of a guard.
pub(super) const GUARD_AGAIN: Duration = Duration::from_millis(250);
/// How long a failed action is tried again.
pub(super) const ACT_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause between two tries of an action.
pub(super) const ACT_AGAIN: Duration = Duration::from_millis(500);
/// How long the result of an action may take to be observed, for actions that take effect immediately.
pub(super) const READ_BACK: Duration = Duration::from_secs(15);

/// The tries of one stage of a release, or of one action of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Tries {
    /// Until when the guard may wait, or the result may take to be observed.
    deadline: Option<Timestamp>,
    /// The failure of the last try, and when the first try failed. None if the last try did not fail.
    failure: Option<(Timestamp, ActionError)>,
}

/// What the machine does next, because the result of an action was not observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// The action failed temporarily. The guard observes again, and then the action may be tried again.
    Act,
    /// The result is observed again.
    Look,
    /// The deadline has passed.
    Late,
    /// The action failed for good, or too long.
    Fail(String),
}

impl Tries {
    pub(super) fn set_deadline(&mut self, now: Timestamp, time_limit: Duration) {
        self.deadline = Some(after(now, time_limit));
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Notes that the action returned.
    pub(super) fn returned(&mut self, now: Timestamp, result: Result<(), ActionError>) {
        let since = self.failure.take().map_or(now, |(since, _)| since);
        self.failure = result.err().map(|error| (since, error));
    }

    /// Whether the last try failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Forgets the failure: the action has happened, or an operator decided to try it again.
    pub(super) fn forget_failure(&mut self) {
        self.failure = None;
    }

    /// Starts the time for new tries again, for example because the release waited for a person.
    pub(super) fn start_again(&mut self, now: Timestamp) {
        if let Some((since, _)) = &mut self.failure {
            *since = now;
        }
    }

    /// `time_limit` limits the tries of an action that fails temporarily.
    pub(super) fn next(&self, now: Timestamp, time_limit: Duration) -> Next {
        match &self.failure {
            Some((since, error))
                if error.kind == ActionErrorKind::Final || elapsed(*since, now) >= time_limit =>
            {
                Next::Fail(error.text.clone())
            }
            Some(_) => Next::Act,
            None if self.is_late(now) => Next::Late,
            None => Next::Look,
        }
    }
}
