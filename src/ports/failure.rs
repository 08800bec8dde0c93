//! How an outside system fails: a kind for decisions, and a text for people.

use std::fmt;

use crate::inventory::Mask;

/// What kind of failure it is. Decisions look at this and never at the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The call did not reach the system; nothing happened there.
    Unreachable,
    /// The call may or may not have happened: look before repeating it.
    Ambiguous,
    /// What was asked for does not exist.
    Missing,
    /// Something else exists where this should go, or a compare-and-swap lost.
    Conflict,
    /// The state on which the call was decided has changed; nothing was done. Observe again and decide again.
    Changed,
    /// The caller no longer holds the lock under which it wrote.
    Fenced,
    /// The credentials were not accepted.
    Denied,
    /// The system understood and refused.
    Rejected,
    /// The answer cannot be understood.
    Garbled,
    /// This system, version or set-up cannot do it.
    Unsupported,
}

impl FailureKind {
    /// Whether repeating the call a moment later, after observing again, may succeed.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::Ambiguous | Self::Changed)
    }
}

/// A failure of an outside system, shown as `docker at unix:///run/docker.sock: pulling
/// web@sha256:…: connection refused (is the engine running?)`.
#[derive(Debug)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// Which system, and where: `etcd at 10.0.0.7:2379`. Without credentials.
    pub target: String,
    /// What was being done, as a participle: `pulling web@sha256:…`.
    pub doing: String,
    /// What the system answered. The adapter has made it safe to show.
    pub said: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// The client library's own error.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure without hint and source.
    pub fn new(
        kind: FailureKind,
        target: impl Into<String>,
        doing: impl Into<String>,
        said: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            target: target.into(),
            doing: doing.into(),
            said: said.into(),
            hint: String::new(),
            source: None,
        }
    }

    /// Adds a hint: what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Hides secrets in the system's answer, which may repeat the request.
    #[must_use]
    pub fn masked(mut self, mask: &Mask) -> Self {
        self.said = mask.hide(&self.said);
        self
    }

    /// Adds the client library's own error.
    #[must_use]
    pub fn caused_by(mut self, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(error));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.target, self.doing, self.said)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

/// What every port returns.
pub type Result<T> = std::result::Result<T, Failure>;
