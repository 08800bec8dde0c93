//! The lock of a target. It makes sure that only one driver at a time changes the target.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ReleaseId;

/// A number that grows each time that a lock is taken: the revision of the store at which the key of the lock was
/// written. Every write under a lock carries the token of that lock, and the store compares the token in the same
/// transaction.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FencingToken(pub i64);

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The longest lease that may be configured. If a driver disappears, its target stays locked until the lease has
/// expired.
pub const LONGEST_LEASE: Duration = Duration::from_mins(10);

/// A person or an agent, and the machine that they work on. Shown as `ana@ops-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operator {
    pub name: String,
    pub host: String,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.is_empty() {
            // An author that is not a person, e.g. `the configuration`, has no host.
            return f.write_str(&self.name);
        }
        write!(f, "{}@{}", self.name, self.host)
    }
}

/// The kind of work for which a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockPurpose {
    /// A release. Another operator can take the release over.
    #[default]
    Release,
    /// A repair or a removal of images. This work ends by itself and cannot be resumed.
    Upkeep,
}

/// The content of the key of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The operator whose console or command holds the lock.
    pub operator: Operator,
    /// The console or command that holds the lock. Each process has its own text, so a restarted console is another
    /// holder.
    pub console: String,
    /// The id of the release that the driver executes. If the purpose is [`LockPurpose::Upkeep`], the id of the repair,
    /// or an id that exists only in this lock.
    pub release: ReleaseId,
    pub since: Timestamp,
    /// A message for other operators that says what the process with the lock does.
    pub message: String,
    /// An older Greenroom did not write this field and locked only for releases.
    #[serde(default)]
    pub purpose: LockPurpose,
}

/// A lock that is held, as the store reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    pub record: LockRecord,
    pub token: FencingToken,
    /// Seconds until the lease expires; none if the store does not report that.
    pub ttl_seconds: Option<i64>,
}

impl LockHolder {
    /// The message that is shown instead of an offer to repair. A repair needs the lock, so it cannot start while the
    /// lock is held.
    pub fn why_no_repair(&self) -> String {
        let record = &self.record;
        let holder = match record.purpose {
            LockPurpose::Release => {
                format!("release {} by {}", record.release.short(), record.operator)
            }
            LockPurpose::Upkeep => format!("upkeep by {} ({})", record.operator, record.message),
        };
        format!("{holder} holds the lock; Greenroom repairs nothing until the lock is free")
    }
}
