//! The archive on real files: what it keeps, what it notes, what it finds, and how.

pub(crate) mod beside;
mod commands;
mod finding;
mod keeping;
mod keeping_up;
mod opening;
mod pruning;
pub(crate) mod samples;
