//! Every release that was ever seen, in one `SQLite` file of this machine, for browsing without a
//! network. Knows the ports and the nouns. It is a copy: it takes what it is given, never changes what
//! it has, and notes what is said otherwise later.
//!
//! The narrow table `releases` has what is filtered by, and its key is made of the time at which a
//! release was opened: every index ends with that key, so that *newest first* costs no sorting, and a
//! time is a range of keys. What is wide (heads, entries) lies apart. The index of words knows the
//! filtered columns too, so that words and filters together are one look-up.
//!
//! What a candidate wrote is compressed and lies apart as well. Of a release that is forgotten only its id stays, so
//! that it is not read from its journal again.
//!
//! Holds and repairs are few: they lie in one table as they were written, and are filtered here.

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
