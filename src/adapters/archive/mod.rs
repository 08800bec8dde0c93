//! Every release that this machine has seen, in one `SQLite` file, for browsing without a network. Depends only on
//! the ports and the domain types. It is a copy: it stores what it is given, never changes it, and notes later
//! differences.
//!
//! The narrow table `releases` has the columns that filters use. Its key is made of the time at which a release was
//! opened. Every index ends with that key, so *newest first* needs no sorting and a period is a range of keys. Wide
//! columns (heads, entries) are in tables of their own. The index of words contains the filter columns too, so words
//! and filters together are one look-up.
//!
//! Candidate logs are compressed and in a table of their own. Of a removed release only the id stays, so that its
//! journal is not read again.
//!
//! Holds and repairs are few: one table stores them as written, and they are filtered in this module.

mod audit;
mod fault;
mod logs;
mod prune;
mod query;
mod read;
mod reserve;
mod schema;
mod store;
mod write;

pub use store::Archive;
