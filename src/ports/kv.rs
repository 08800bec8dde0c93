//! A key-value store that operators share. It has the semantics of etcd: reads of several ranges at one revision,
//! transactions that compare and write, leases, and a watch that says when it can no longer continue. The `store`
//! module encodes all values of Greenroom and builds every transaction. An adapter only carries the transactions out.
//!
//! If a call that changes something fails, the [`FailureKind`](super::FailureKind) says whether the change was made.
//! *Unreachable* means that nothing was changed. *Ambiguous* means that the change may have been made. Every other kind
//! means that the store refused the change.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Result;

/// The most ranges of one [`Kv::read`].
pub const MOST_RANGES: usize = 100;

/// What a call is for, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The action, as a participle, for errors: `taking the lock of web/qa`.
    pub doing: &'a str,
    pub until: Instant,
}

/// The keys `[from, to)`, or one key. Keys are compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub from: Vec<u8>,
    /// The first key that is not read; none to read only the key `from`.
    pub to: Option<Vec<u8>>,
    /// The most pairs that are read.
    pub limit: Option<usize>,
    /// Whether the last keys come first.
    pub is_descending: bool,
    /// Whether only the keys are read. The values are then empty.
    pub is_keys_only: bool,
    /// Reads only the pairs that were last changed at this revision.
    pub changed_at: Option<i64>,
}

impl Range {
    /// One key.
    pub fn one(key: impl Into<Vec<u8>>) -> Self {
        Self {
            from: key.into(),
            to: None,
            limit: None,
            is_descending: false,
            is_keys_only: false,
            changed_at: None,
        }
    }

    /// The keys `[from, to)`.
    pub fn between(from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) -> Self {
        Self {
            to: Some(to.into()),
            ..Self::one(from)
        }
    }

    /// All keys with this prefix, which must end with a slash.
    pub fn below(prefix: &str) -> Self {
        Self::between(prefix, behind(prefix))
    }

    #[must_use]
    pub fn limit(mut self, most: usize) -> Self {
        self.limit = Some(most);
        self
    }

    #[must_use]
    pub fn descending(mut self) -> Self {
        self.is_descending = true;
        self
    }

    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.is_keys_only = true;
        self
    }

    #[must_use]
    pub fn changed_at(mut self, revision: i64) -> Self {
        self.changed_at = Some(revision);
        self
    }
}

/// The first possible key after all keys with `prefix`, which must end with a slash. `0` is the character after `/`.
pub fn behind(prefix: &str) -> String {
    format!("{}0", prefix.trim_end_matches('/'))
}

/// The name of a lease in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

/// A stored pair. Another program may have written it, so the key and the value may be invalid UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// The revision of the last change.
    pub revision: i64,
    /// The lease of the pair, if it has one. When the lease ends, the pair disappears.
    pub lease: Option<LeaseId>,
}

/// The answer to a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The revision of the store at which all ranges were read.
    pub revision: i64,
    /// The pairs of each range.
    pub ranges: Vec<Vec<Pair>>,
}

/// One change of a transaction. A transaction changes a key at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Put {
        key: String,
        value: String,
        /// The failure is [missing](super::FailureKind::Missing) if the lease has ended.
        lease: Option<LeaseId>,
    },
    /// Replaces the value of an existing key. The key stays on its lease.
    PutKeepingLease { key: String, value: String },
    /// Deletes a key. It is no error if the key does not exist.
    Delete { key: String },
}

impl Write {
    /// A value that remains until it is changed.
    pub fn put(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Put {
            key: key.into(),
            value: value.into(),
            lease: None,
        }
    }

    pub fn delete(key: impl Into<String>) -> Self {
        Self::Delete { key: key.into() }
    }

    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::PutKeepingLease { key, .. } | Self::Delete { key } => key,
        }
    }
}

/// Changes that are made all together, and only if no compared key has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    /// Keys, each with the revision of its last change. The revision is 0 for a key that does not exist.
    pub when: Vec<(String, i64)>,
    pub then: Vec<Write>,
}

/// The answer to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The changes were made at this revision.
    Done(i64),
    /// A compared key has another revision, so nothing was changed.
    Lost,
}

/// A lease that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    pub lease: LeaseId,
    /// The time to live that the store granted. It may be longer than the requested time.
    pub ttl: Duration,
}

/// One item of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These keys were written or deleted, or their lease has expired. All changes up to `revision` were reported.
    Changed { revision: i64, keys: Vec<Vec<u8>> },
    /// The store no longer knows all changes since the requested revision. The watch ends. Read the current state and
    /// its revision, and watch from the next revision on.
    Compacted,
}

/// A command with which an operator reads or deletes keys without Greenroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    Show(&'a str),
    Delete(&'a str),
    /// Deletes all keys with this prefix.
    DeleteBelow(&'a str),
}

#[async_trait]
pub trait Kv: fmt::Debug + Send + Sync {
    /// The kind and address, for messages: `etcd at 10.0.0.7:2379`.
    fn name(&self) -> &str;

    /// The prefix of Greenroom's keys: empty, or with a slash at the end.
    fn prefix(&self) -> &str;

    /// The time limit of a call, unless the caller has less time.
    fn time_limit(&self) -> Duration;

    /// The user that the store has authenticated; none if it authenticates no user.
    fn user(&self) -> Option<&str> {
        None
    }

    /// Whether the store can restrict which user writes which keys.
    fn has_roles(&self) -> bool;

    /// The command that an operator can run, for hints.
    fn command(&self, what: Command<'_>) -> String;

    /// The kind and version, e.g. `etcd 3.4.23`. This is the cheapest call that proves that the store answers.
    async fn version(&self, call: Call<'_>) -> Result<String>;

    /// The time of the store's machines; none if the store is on this machine or does not report its time.
    async fn clock(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// The revision of the last change in the store.
    async fn revision(&self, call: Call<'_>) -> Result<i64>;

    /// Reads at most [`MOST_RANGES`] ranges at one revision. If the answer is larger than the store's limit, the
    /// failure is [unsupported](super::FailureKind::Unsupported).
    async fn read(&self, call: Call<'_>, ranges: &[Range]) -> Result<Read>;

    /// Carries out a transaction, at most once. The changes are durable when the call returns.
    async fn commit(&self, call: Call<'_>, txn: &Txn) -> Result<Committed>;

    /// Grants a lease, which ends after `ttl` unless it is renewed. If the answer is lost, the lease ends by itself.
    async fn grant(&self, call: Call<'_>, ttl: Duration) -> Result<Granted>;

    /// Renews a lease and returns its time to live. The failure is [missing](super::FailureKind::Missing) if the lease
    /// has ended. If no answer arrives, the failure may be *unreachable* although the lease was renewed. This is safe,
    /// because a renewal can be repeated.
    async fn renew(&self, call: Call<'_>, lease: LeaseId) -> Result<Duration>;

    /// Ends a lease and deletes its keys. It is no error if the lease has already ended.
    async fn revoke(&self, call: Call<'_>, lease: LeaseId) -> Result<()>;

    /// The time until a lease ends; none if the lease has ended.
    async fn time_left(&self, call: Call<'_>, lease: LeaseId) -> Result<Option<Duration>>;

    /// Watches all of Greenroom's keys from revision `from` on. The stream has every change once, in order. It ends
    /// after a failure and after [`Change::Compacted`].
    async fn watch(&self, call: Call<'_>, from: i64) -> Result<BoxStream<'static, Result<Change>>>;
}
