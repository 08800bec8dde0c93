//! Words to whoever reads them. A reader that has gone away (`| head`, a closed terminal) is no
//! reason to panic in the middle of a release: what cannot be said is left unsaid.

use std::io::Write;

/// A line for standard output.
macro_rules! say_line {
    ($($words:tt)*) => { $crate::cli::out::say(format_args!($($words)*)) };
}

/// A line for standard error.
macro_rules! warn_line {
    ($($words:tt)*) => { $crate::cli::out::warn(format_args!($($words)*)) };
}

pub(super) fn say(words: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{words}");
}

pub(super) fn warn(words: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{words}");
}
