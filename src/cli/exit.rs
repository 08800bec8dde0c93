//! How the program ends. Documented in the README, in `--help` and in the man page.

use std::process::ExitCode;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done. Also when there was nothing to do, and when a way back that was asked for was gone to its end.
    Done,
    /// 1: it failed, or was refused; what was done is backed out. Also when what was asked for could not be written
    /// to standard output.
    Failed,
    /// 2: the arguments or the configuration are wrong; nothing was done.
    Usage,
    /// 3: a person has to look: something stands half-way, and it was said what. Also when something was done and what
    /// came of it could not be written to standard output.
    NeedsPerson,
    /// 130: cancelled by the operator or a signal.
    Cancelled,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NeedsPerson => 3,
            Exit::Cancelled => 130,
        })
    }
}
