//! What an on-call engineer does at 3 a.m., by keys alone: the real binary on a real terminal, each
//! story from the first key to what stands in the end.

mod browsing;
mod calm;
mod looking;
mod releasing;
pub(crate) mod stage;
