//! A freeze or a block on a target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, ReleaseId};

/// No operator can promote here until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    /// The reason.
    pub reason: String,
    /// The operator who placed it.
    pub author: Operator,
    /// Its start.
    pub since: Timestamp,
    /// Its end; none if it lasts until an operator clears it.
    pub until: Option<Timestamp>,
    /// The rollback that left it; none if an operator placed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// Set when an operator has cleared it. It is kept, but no longer stops promotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<Cleared>,
}

/// The hold that an operator was shown and clears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenHold {
    /// It can be read.
    Readable(Box<Hold>),
    /// It cannot be read: the revision of the store that wrote it.
    Unreadable(i64),
}

/// How an operator ended a hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cleared {
    /// The operator who cleared it.
    pub by: Operator,
    /// The time.
    pub at: Timestamp,
    /// The reason.
    pub why: Option<String>,
}

impl Hold {
    /// Whether it still stops promotes at `now`.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.cleared.is_none() && self.until.is_none_or(|until| now < until)
    }

    /// Whether a rollback left it without a reason. A reason can be added later. The text that a rollback writes has a
    /// colon before its reason, and no version name contains a colon.
    pub fn lacks_reason(&self) -> bool {
        self.release.is_some() && self.cleared.is_none() && !self.reason.contains(':')
    }

    /// The hold that replaces it when an operator adds a reason later.
    #[must_use]
    pub fn with_reason(&self, reason: &str, by: Operator, at: Timestamp) -> Self {
        Self {
            reason: format!("{}: {reason}", self.reason),
            author: by,
            since: at,
            ..self.clone()
        }
    }

    /// The same hold, cleared. A hold that is already cleared stays unchanged. Its end is set too, because an older
    /// Greenroom that does not know `cleared` reads the end.
    #[must_use]
    pub fn cleared(self, cleared: Cleared) -> Self {
        if self.cleared.is_some() {
            return self;
        }
        let until = self.until.map_or(cleared.at, |until| until.min(cleared.at));
        Self {
            until: Some(until),
            cleared: Some(cleared),
            ..self
        }
    }
}

impl Hold {
    /// Its state at `now`, for people. A hold that has ended says so, so that it does not read as one that stops
    /// promotes.
    pub fn words(&self, now: Timestamp) -> String {
        match (&self.cleared, self.until) {
            (Some(cleared), _) => {
                let why = cleared.why.as_deref();
                let why = why.map_or(String::new(), |why| format!(" ({why})"));
                format!(
                    "cleared by {} at {}{why}; it was placed by {}: {}",
                    cleared.by,
                    super::local_time::moment(cleared.at),
                    self.author,
                    self.reason
                )
            }
            (None, Some(until)) if until <= now => format!(
                "ended at {}; it was placed by {}: {}",
                super::local_time::moment(until),
                self.author,
                self.reason
            ),
            _ => self.to_string(),
        }
    }
}

/// `held by ana@ops-1: payday (until 2026-11-27 18:00:00 UTC)`.
impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "held by {}: {}", self.author, self.reason)?;
        match self.until {
            Some(until) => write!(f, " (until {})", super::local_time::moment(until)),
            None => f.write_str(" (until it is cleared)"),
        }
    }
}
