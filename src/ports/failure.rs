//! How an outside system fails: a kind for decisions, and a text for people.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::inventory::Mask;

/// The kind of a failure. Decisions depend on the kind and never on the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The system could not be reached or did not answer, and the call changed nothing.
    Unreachable,
    /// The system may or may not have applied the call. Read the state before you repeat it.
    Ambiguous,
    /// The requested object does not exist.
    Missing,
    /// The current state forbids the call, e.g. because another object has the name, or a compare-and-swap failed.
    Conflict,
    /// The state that the caller decided on has changed, so nothing was done. Observe and decide again.
    Changed,
    /// The caller no longer holds the lock under which it writes.
    Fenced,
    /// The credentials were not accepted, or the caller lacks a permission.
    Denied,
    /// The system refused the call, or Greenroom refused to send it.
    Rejected,
    /// The answer cannot be understood.
    Garbled,
    /// This system, version or set-up does not support the call.
    Unsupported,
}

impl FailureKind {
    /// Whether repeating the call a moment later, after observing again, may succeed.
    pub fn may_be_temporary(self) -> bool {
        matches!(self, Self::Unreachable | Self::Ambiguous | Self::Changed)
    }
}

/// A failure of an outside system. It is shown as `docker at unix:///run/docker.sock: pulling web@sha256:…: connection
/// refused (check that Docker is running)`.
#[derive(Debug)]
pub struct Failure {
    pub kind: FailureKind,
    /// The system and its address, without credentials: `etcd at 10.0.0.7:2379`.
    pub target: String,
    /// The action that failed, as a participle: `pulling web@sha256:…`.
    pub doing: String,
    /// The answer of the system, or the reason why it gave none. The adapter has made the text safe to show.
    pub message: String,
    /// What the operator can do; may be empty.
    pub hint: String,
    /// How many seconds the system asks to wait before the call is repeated. A small number keeps failures small.
    retry_after: Option<u16>,
    /// The client library's own error.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure without hint and source.
    pub fn new(
        kind: FailureKind,
        target: impl Into<String>,
        doing: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            target: target.into(),
            doing: doing.into(),
            message: message.into(),
            hint: String::new(),
            retry_after: None,
            source: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Notes how long the system asks to wait before the call is repeated.
    #[must_use]
    pub fn retry_after(self, pause: Duration) -> Self {
        Self {
            retry_after: Some(u16::try_from(pause.as_secs()).unwrap_or(u16::MAX)),
            ..self
        }
    }

    /// The pause that the system asks for; zero if it asks for none.
    pub fn pause(&self) -> Duration {
        Duration::from_secs(self.retry_after.unwrap_or_default().into())
    }

    /// Hides secrets in the system's answer, which may repeat the request.
    #[must_use]
    pub fn masked(mut self, mask: &Mask) -> Self {
        self.message = mask.hide(&self.message);
        self
    }

    #[must_use]
    pub fn caused_by(mut self, error: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(error));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.target, self.doing, self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

pub type Result<T> = std::result::Result<T, Failure>;

/// The innermost cause of an error, which is the most specific. The outer errors of a client often only say that sending
/// the request failed.
pub fn innermost_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost
}
