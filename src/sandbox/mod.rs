//! The sandbox, for trying Greenroom without servers: a sample application in three environments behind a proxy, with a
//! small stream of requests and some past releases. Everything in the sandbox is real: processes, a proxy and a store,
//! all in one directory. This module writes the configuration, makes the past releases through the release engine, and
//! stops everything at the end. A temporary directory is then removed; a kept one can be used again. The module must not
//! know adapters or screens.
//!
//! [`Place`] first writes a mark into the directory. Only a directory with this mark is a sandbox, so Greenroom never
//! starts or removes another directory as a sandbox.

mod configuration;
mod error;
mod fixtures;
mod place;
mod ports;
pub mod sample;
mod seed;
mod shutdown;
mod traffic;

pub use configuration::{configuration, seed_overrides};
pub use error::SandboxError;
pub use fixtures::{Program, next_push, programs, pushed_program};
pub use place::{Place, State};
pub use ports::Ports;
pub use seed::seed;
pub use shutdown::{restart_live, stop_drivers, stop_instances};
pub use traffic::{SampleTraffic, Tally};
