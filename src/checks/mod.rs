//! Checks of a candidate: what is requested, what is expected, and what the answers mean for a release. This module
//! sends nothing: the `http` adapter sends the requests, through the `checker` port.

mod case;
mod judge;
mod report;
mod secret_name;

pub use case::{Case, Expectation, HealthCheck, Suite};
pub use judge::{Answer, judge};
pub use report::{CaseReport, CheckOverride, Report, Verdict, counted};
pub use secret_name::{hide_in_query, may_be_secret, with_query};
