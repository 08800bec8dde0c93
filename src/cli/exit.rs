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

/// What each code means, for the help and the manual pages.
pub(super) const MEANINGS: [(Exit, &str); 5] = [
    (Exit::Done, "done, or nothing to do"),
    (
        Exit::Failed,
        "failed or refused; what was done is backed out",
    ),
    (
        Exit::Usage,
        "the arguments or the configuration are wrong; nothing was done",
    ),
    (
        Exit::NeedsPerson,
        "a person has to look; the output says at what",
    ),
    (Exit::Cancelled, "cancelled"),
];

impl Exit {
    /// The number.
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
