//! The binary. It only calls the library and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom::cli::main()
}
