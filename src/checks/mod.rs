//! Checks of a candidate: what is requested or run, what is expected, and what the results mean for a release. This
//! module does no I/O: the adapters `http`, `command_checks` and `docker` do, through the ports `checker`,
//! `command_checks` and `check_containers`.

mod case;
mod command;
mod judge;
mod junit;
mod output;
mod report;
mod secret_name;

pub use case::{
    Case, CaseKind, CommandCase, ContainerCase, Expectation, HealthCheck, RequestCase, Suite,
};
pub use command::{CommandEnd, CommandOutcome, OutputMask, RETRY_PAUSE, judge_command};
pub use judge::{Answer, judge};
pub use junit::{LARGEST_REPORT, no_report, read_report};
pub use output::OutputEnd;
pub use report::{CaseReport, CheckOverride, CheckOverrides, Report, TestReport, Verdict, counted};
pub use secret_name::{hide_in_query, may_be_secret, with_query};
