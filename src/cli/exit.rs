//! The exit codes. The README, `--help` and the manual page document them.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, nothing to do, or a requested back-out was completed.
    Done,
    /// 1: the command failed or was refused, and a release that failed is backed out; or requested output could not be
    /// written to standard output.
    Failed,
    /// 2: the arguments or the configuration are wrong; nothing was done.
    Usage,
    /// 3: a person has to look. Something is incomplete, and the output says what; or a change was made, and the result
    /// could not be written to standard output.
    NeedsPerson,
    /// 130: cancelled by the operator or a signal.
    Cancelled,
}

/// The meaning of each code, for the help and the manual pages.
pub(super) const MEANINGS: [(Exit, &str); 5] = [
    (Exit::Done, "done, or nothing to do"),
    (
        Exit::Failed,
        "failed or refused; a release that failed is backed out",
    ),
    (
        Exit::Usage,
        "the arguments or the configuration are wrong; nothing was done",
    ),
    (
        Exit::NeedsPerson,
        "a person has to look; the output says why",
    ),
    (Exit::Cancelled, "cancelled"),
];

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NeedsPerson => 3,
            Self::Cancelled => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
