//! A hold stops promotes of a target. An operator or a rollback places the hold, and an operator clears it. An active
//! freeze of the configuration is also represented as a hold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, ReleaseId};

/// While a hold is active, nothing is promoted on its target, unless an operator overrides the hold with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    pub reason: String,
    /// The operator who placed the hold, or who added its reason later.
    pub author: Operator,
    pub since: Timestamp,
    /// The end of the hold; none if it lasts until an operator clears it.
    pub until: Option<Timestamp>,
    /// The rollback that placed the hold; none if an operator placed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// Set when an operator has cleared the hold. The hold is then kept for the history, but no longer stops promotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<Cleared>,
}

/// The hold that an operator saw before clearing it. If the stored hold has changed since, it must not be cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenHold {
    Readable(Box<Hold>),
    /// The stored value cannot be read. The number is the revision of the store that wrote it.
    Unreadable(i64),
}

/// Who cleared a hold, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cleared {
    pub by: Operator,
    pub at: Timestamp,
    pub why: Option<String>,
}

impl Hold {
    /// Whether the hold stops promotes at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.cleared.is_none() && self.until.is_none_or(|until| now < until)
    }

    /// Whether a rollback placed this hold without a reason, and the hold is not cleared. An operator can add a reason
    /// later. The text of such a hold has no colon: a rollback writes its reason after a colon, and the name of a
    /// version never contains a colon.
    pub fn lacks_reason(&self) -> bool {
        self.release.is_some() && self.cleared.is_none() && !self.reason.contains(':')
    }

    /// The hold that replaces this one when an operator adds a reason later.
    #[must_use]
    pub fn with_reason(&self, reason: &str, by: Operator, at: Timestamp) -> Self {
        Self {
            reason: format!("{}: {reason}", self.reason),
            author: by,
            since: at,
            ..self.clone()
        }
    }

    /// The hold after an operator has cleared it. A hold that is already cleared stays unchanged. The clearing also
    /// sets the end of the hold, because an older Greenroom reads only the end.
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
    /// A message that says whether the hold was cleared, has ended or is active at `now`.
    pub fn describe(&self, now: Timestamp) -> String {
        match (&self.cleared, self.until) {
            (Some(cleared), _) => {
                let why = cleared.why.as_deref();
                let why = why.map_or(String::new(), |why| format!(" ({why})"));
                format!(
                    "cleared by {} at {}{why}; placed by {}: {}",
                    cleared.by,
                    super::local_time::moment(cleared.at),
                    self.author,
                    self.reason
                )
            }
            (None, Some(until)) if until <= now => format!(
                "ended at {}; placed by {}: {}",
                super::local_time::moment(until),
                self.author,
                self.reason
            ),
            _ => self.to_string(),
        }
    }
}

/// Shows the hold as `held by ana@ops-1: payday (until 2026-11-27 18:00:00 UTC)`.
impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "held by {}: {}", self.author, self.reason)?;
        match self.until {
            Some(until) => write!(f, " (until {})", super::local_time::moment(until)),
            None => f.write_str(" (until it is cleared)"),
        }
    }
}
