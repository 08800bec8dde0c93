//! The binary: it only returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom::cli::main()
}
