//! Who drives a target at the moment.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ReleaseId;

/// A number that only grows from one holder of a lock to the next. In etcd it is the
/// revision that wrote the lock key; every write compares it in the same transaction.
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

/// The longest lease of a lock: how long one without a driver may block a target. Not even its own operator can end it
/// earlier where it belongs to no release.
pub const LONGEST_LEASE: Duration = Duration::from_mins(10);

/// A person (or an agent) and the machine they act from. Shown as `ana@ops-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operator {
    /// Who.
    pub name: String,
    /// From which machine.
    pub host: String,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.is_empty() {
            // Nobody in person: `the configuration`.
            return f.write_str(&self.name);
        }
        write!(f, "{}@{}", self.name, self.host)
    }
}

/// What a lock is held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockPurpose {
    /// A release: another operator can take it over.
    #[default]
    Release,
    /// A repair, or removing images: it ends by itself, and nothing of it is resumed.
    Upkeep,
}

/// What the lock key says, to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// Who holds it.
    pub operator: Operator,
    /// Which console or command holds it: unique per process, so that a restart is another holder.
    pub console: String,
    /// The release it is held for.
    pub release: ReleaseId,
    /// Since when.
    pub since: Timestamp,
    /// What for, in words.
    pub message: String,
    /// Whether that is a release.
    #[serde(default)]
    pub purpose: LockPurpose,
}

/// A lock that somebody holds, as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// What the key says.
    pub record: LockRecord,
    /// Its token.
    pub token: FencingToken,
    /// Seconds left on its lease, where the store tells.
    pub ttl_seconds: Option<i64>,
}

impl LockHolder {
    /// Why Greenroom repairs nothing now, and from when on it can: the running work changes what differs.
    pub fn why_no_repair(&self) -> String {
        let record = &self.record;
        let running = match record.purpose {
            LockPurpose::Release => format!("release {} is running", record.release.short()),
            LockPurpose::Upkeep => format!("{} is at work: {}", record.operator, record.message),
        };
        format!("{running}; Greenroom repairs nothing until it ends")
    }
}
