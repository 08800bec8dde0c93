//! Post-deployment tests: what is asked of a candidate, what is expected, and what the
//! answers mean for a release. Pure: sending a request is the `http` adapter's business,
//! reached through the `checker` port.

mod case;
mod judge;
mod report;

pub use case::{Case, Expectation, HealthCheck, Suite};
pub use judge::{Answer, judge};
pub use report::{CaseReport, Report, Verdict};
