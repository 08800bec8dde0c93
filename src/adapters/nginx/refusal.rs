//! The reason why a signal did not reach nginx, or why nginx did not load a configuration, with the output of nginx.

use std::time::Duration;

use super::answer::Miss;
use crate::inventory::ProxyAnswer;
use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

/// The most characters of nginx output that a failure quotes.
const QUOTED: usize = 1_500;

pub(super) struct Refusal {
    pub(super) kind: FailureKind,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

impl Refusal {
    /// The reload returned 0, but the expected configuration was not loaded within the time limit. `answer` is the
    /// last answer of nginx.
    pub(super) fn not_applied(time_limit: Duration, answer: Result<ProxyAnswer, Miss>) -> Self {
        let (kind, answer) = match answer {
            Ok(answer) => (
                FailureKind::Rejected,
                format!("nginx answers with configuration {}", answer.configuration),
            ),
            Err(miss) if miss.kind == FailureKind::Denied => (miss.kind, miss.message),
            Err(miss) => (FailureKind::Rejected, miss.message),
        };
        Self {
            kind,
            message: format!(
                "the reload reported no error, but the configuration is not loaded \
                 after {time_limit:?}: {answer}"
            ),
            hint: if kind == FailureKind::Denied {
                "make the state directory and its parent directories readable for the user of nginx's workers"
            } else {
                "usually another process uses one of the ports in the configuration; nginx's error \
                 log names the port"
            },
        }
    }

    /// The reload command failed with this output.
    pub(super) fn of_reload(output: &str) -> Self {
        let message = format!("nginx could not be reloaded: {}", quoted(output));
        Self {
            message,
            ..Self::of_signal(output)
        }
    }

    /// The command that sends a signal to nginx failed with this output.
    pub(super) fn of_signal(output: &str) -> Self {
        let is_down = ["invalid PID number", "No such process", "No such file"]
            .iter()
            .any(|sign| output.contains(sign));
        Self {
            kind: if is_down {
                FailureKind::Unreachable
            } else {
                FailureKind::Rejected
            },
            message: format!("the command that signals nginx failed: {}", quoted(output)),
            hint: if is_down {
                "check that nginx is running"
            } else {
                "check that `nginx -t` succeeds, and that this user is allowed to reload nginx"
            },
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.to_string(),
            hint: "",
        }
    }
}

/// Quotes the serious messages that were added to the error log. Empty if there are none.
pub(super) fn complaints(before: &str, after: &str) -> String {
    let is_serious = |line: &&str| {
        ["[emerg]", "[alert]", "[crit]"]
            .iter()
            .any(|l| line.contains(l))
    };
    let new = after
        .lines()
        .filter(is_serious)
        .filter(|line| !before.contains(*line));
    let mut messages: Vec<String> = Vec::new();
    for line in new {
        // The text before the first `: ` is the time, the level and the process of the line. Without it, a message that
        // nginx repeats is the same text, and is quoted once.
        let message = sanitize(line.split_once(": ").map_or(line, |(_, message)| message));
        if !messages.contains(&message) {
            messages.push(message);
        }
    }
    if messages.is_empty() {
        return String::new();
    }
    format!("nginx's error log says: {}", cut(&messages.join(", ")))
}

/// The output of nginx, made safe to show and shortened.
pub(super) fn quoted(output: &str) -> String {
    let text = cut(&sanitize(output.trim()));
    if text.is_empty() {
        "nginx printed nothing".to_owned()
    } else {
        text
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= QUOTED {
        return text.to_owned();
    }
    text.chars().take(QUOTED).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_alternates_with_another_is_quoted_once() {
        let line = |second: u32, message: &str| {
            format!("2026/11/20 14:02:0{second} [emerg] 12#12: {message}\n")
        };
        let (busy, missing) = ("bind() to 0.0.0.0:80 failed", "open() \"a.pem\" failed");
        let log: String = (0..6)
            .map(|second| line(second, if second % 2 == 0 { busy } else { missing }))
            .collect();
        assert_eq!(
            complaints("", &log),
            format!("nginx's error log says: {busy}, {missing}")
        );
    }
}
