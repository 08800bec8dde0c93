//! What Greenroom can be tried with where there is nothing to release: a sample application, and a
//! small world of it in three environments, with a proxy in front, a small stream of requests, and a past.
//! Everything in it is real; only the place is a directory of this machine. Knows what to write down,
//! how to seed it through the release engine, and how to leave nothing behind; adapters and
//! screens it must not know.
//!
//! A directory is ours only by the mark that [`Place`] puts there before anything else, so that
//! nobody's own configuration is ever taken for a sandbox's, started or removed.

mod configuration;
mod error;
mod fixtures;
mod place;
mod ports;
pub mod sample;
mod seed;
mod shutdown;
mod traffic;

pub use configuration::{configuration, seeding};
pub use error::SandboxError;
pub use fixtures::{Program, programs};
pub use place::{Place, State};
pub use ports::Ports;
pub use seed::seed;
pub use shutdown::{end, leave, resume};
pub use traffic::{SampleTraffic, Tally};
