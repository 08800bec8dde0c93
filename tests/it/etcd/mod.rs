//! The etcd adapter on real servers. Most tests share the environment's server, with a prefix per
//! test. Tests that stop or restart a server or need passwords start their own.

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
