//! Agents, an operator and crashes on one target, in every order of events within the bounds of a [`scope`].
//!
//! Agents decide with production's [`greenroom::agent::decide`]. They read, plan, write the version, decide, name the
//! release in the entry and open it in separate turns. So everything else may happen in between. Every write of an entry
//! compares it with the entry that was read, as the store does.
//!
//! A release is abstract here: it is open, then in its standby or backed out, and then over. The steps of a release and
//! their interlocks are checked in the parent module. What the engine checks before it plans, opens or resumes a release
//! is stated in [`engine`]. Not in the model: holds with an end, lost answers of the store, an image registry that does
//! not answer, and a configuration that changes.

mod act;
mod agent_mutants;
mod agent_scopes;
mod can_finish;
mod engine;
mod look;
mod never;
mod people;
mod scope;
mod state;
mod turns;
