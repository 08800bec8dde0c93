//! The binary: an exit code and nothing else.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("sample-app") => greenroom::sandbox::sample::main_from_environment(arguments).await,
        _ => ExitCode::from(2),
    }
}
