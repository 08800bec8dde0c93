//! The sample application that the sandbox and the test images run: a small HTTP service that reports its version and
//! counts its calls across releases. An option makes the application fail in the ways that a release must survive. The
//! application knows nothing of Greenroom except the address and the slot that it gets.

mod answers;
mod calls;
mod listen;
mod migration;
mod options;
mod request_log;
mod run;
mod store;

pub use options::{Fault, InvalidOptions, SampleOptions};
pub use run::{SampleFailure, main_from_environment, serve};
