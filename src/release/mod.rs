//! The release protocol: what Greenroom does to a target, in which order, and what it never does.

mod definition;

pub use definition::{Definition, Limit, Rules, Timing};
