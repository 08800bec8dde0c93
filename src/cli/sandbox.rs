//! `greenroom sandbox`.

use super::Exit;
use super::arguments::{Common, Sandbox};

pub(super) async fn run(_common: &Common, _verb: Sandbox) -> Exit {
    Exit::Done
}

/// Runs the sample application.
pub(super) async fn sample_app(arguments: Vec<String>) -> std::process::ExitCode {
    crate::sandbox::sample::main_from_environment(arguments).await
}
