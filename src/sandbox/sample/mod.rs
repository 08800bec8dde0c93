//! The sample application that the sandbox and the test images run: a small HTTP service that
//! says which version it is and counts its calls across releases. It can be told to be broken in
//! the ways that a release has to survive. It must not know that Greenroom exists beyond the
//! address and the slot it is given.

mod answers;
mod calls;
mod listen;
mod options;
mod request_log;
mod run;
mod store;

pub use options::{Fault, InvalidOptions, SampleOptions};
pub use run::{SampleFailure, main_from_environment, serve};
