//! What only etcd does, on real servers; `store` has what every store does. Most tests share the environment's server,
//! with a prefix per test. Tests that stop or restart a server or need passwords start their own.

mod access;
mod approvals;
mod extra_keys;
mod locks;
mod outage;
mod roles;
mod sealing;
pub(crate) mod server;
mod watching;
pub(crate) mod world;
