//! The archive on real files: keeping, noting differences, searching and pruning.

pub(crate) mod audit_records;
mod commands;
mod finding;
mod keeping;
mod keeping_up;
mod opening;
mod pruning;
pub(crate) mod samples;
