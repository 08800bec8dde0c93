//! The binary: an exit code and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom::cli::main()
}
