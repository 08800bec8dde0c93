//! The archive: a local copy of releases, in one `SQLite` file, for browsing without a network. The records come from
//! the journals in the stores. If a store later has more of a record, the archive adds the new part. If a store has
//! something different, the archive keeps the first value and notes the difference. This module depends only on the
//! ports and the domain types.
//!
//! The narrow table `releases` has the columns that filters use. The key of a release is the time at which the release
//! was opened, plus some bits of its id. Every index ends with this key, so a list needs no sorting, and a period is a
//! range of keys. The records of the releases (table `heads`) and their entries are in separate tables. The full-text
//! index `words` contains most filter columns too, so one query can search for words and filter.
//!
//! The logs of releases are compressed, in a separate table. When a release is removed, the archive keeps the id, so
//! that Greenroom does not copy the release from the store again.
//!
//! Holds and repairs are few. The table `audit` stores each as JSON, with columns for the service and the environment.
//! All other filters are applied after reading.

mod audit;
mod error;
mod logs;
mod prune;
mod query;
mod read;
mod reserve;
mod schema;
mod store;
mod write;

pub use store::Archive;
