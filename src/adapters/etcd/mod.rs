//! etcd as the key-value store. This module knows nothing about the stored data.

mod clock;
mod cluster;
mod error;
mod kv;
mod options;
mod watch;

use crate::ports::{Bound, TimeLimit};

/// The read limits for etcd.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "etcd",
    answer: "an answer",
    bytes: cluster::LARGEST_ANSWER as u64,
    time: TimeLimit::Within(options::DEADLINE),
}];

pub use cluster::Cluster;
pub use options::{Credentials, DEFAULT_PREFIX, Options};
