//! The work of an on-call engineer with keys alone: the real binary on a real terminal, from the
//! first key to the final state.

mod browsing;
mod calm;
mod looking;
mod releasing;
pub(crate) mod stage;
