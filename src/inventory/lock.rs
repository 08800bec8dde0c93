//! The lock of a target: which operator drives it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ReleaseId;

/// A number that grows with every holder of a lock. In etcd it is the revision that wrote the lock key. Every write
/// compares it in the same transaction.
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

/// The longest lease of a lock: how long a lock without a driver may block a target. If it belongs to no release, even
/// its own operator cannot end it earlier.
pub const LONGEST_LEASE: Duration = Duration::from_mins(10);

/// A person (or an agent) and the machine they act from. Shown as `ana@ops-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operator {
    /// Their name.
    pub name: String,
    /// The machine they act from.
    pub host: String,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.is_empty() {
            // Not a person: `the configuration`.
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
    /// A repair, or removing images. It ends by itself and cannot be resumed.
    Upkeep,
}

/// The value of the lock key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The holder.
    pub operator: Operator,
    /// The console or command that holds it. Unique per process, so a restarted one is another holder.
    pub console: String,
    /// The release that it is held for.
    pub release: ReleaseId,
    /// When the holder took it.
    pub since: Timestamp,
    /// What it is held for, for people.
    pub message: String,
    /// Whether it is held for a release.
    #[serde(default)]
    pub purpose: LockPurpose,
}

/// A lock that an operator holds, as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The value of the key.
    pub record: LockRecord,
    /// Its fencing token.
    pub token: FencingToken,
    /// Seconds left on its lease, if the store reports it.
    pub ttl_seconds: Option<i64>,
}

impl LockHolder {
    /// Why Greenroom repairs nothing now, and when it can: the running work changes the same things.
    pub fn why_no_repair(&self) -> String {
        let record = &self.record;
        let running = match record.purpose {
            LockPurpose::Release => format!("release {} is running", record.release.short()),
            LockPurpose::Upkeep => format!("{} is working: {}", record.operator, record.message),
        };
        format!("{running}; Greenroom repairs nothing until it ends")
    }
}
