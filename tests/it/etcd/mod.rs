//! The etcd adapter against real servers: the one of the environment with a prefix per test, and
//! servers of their own for what stops, restarts or asks for passwords.

mod access;
mod holds;
mod journal;
mod locks;
mod outage;
mod registry;
mod roles;
mod sealing;
pub(crate) mod server;
mod watching;
pub(crate) mod world;
