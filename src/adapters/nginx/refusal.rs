//! Why nginx rejected a configuration, with nginx's own text if there is any.

use std::time::Duration;

use super::answer::Miss;
use crate::inventory::ProxyAnswer;
use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

/// The most characters of nginx's text in a failure.
const QUOTED: usize = 1_500;

/// Why a reload had no effect.
pub(super) struct Refusal {
    pub(super) kind: FailureKind,
    pub(super) said: String,
    pub(super) hint: &'static str,
}

impl Refusal {
    /// The reload returned 0, and nginx still answers this at the end of the time limit.
    pub(super) fn not_applied(time_limit: Duration, answer: Result<ProxyAnswer, Miss>) -> Self {
        let (kind, answer) = match answer {
            Ok(answer) => (
                FailureKind::Rejected,
                format!("it answers with {}", answer.configuration),
            ),
            Err(miss) if miss.kind == FailureKind::Denied => (miss.kind, miss.said),
            Err(miss) => (FailureKind::Rejected, miss.said),
        };
        Self {
            kind,
            said: format!(
                "nginx reloaded without an error, but the configuration is not applied \
                 after {time_limit:?}: {answer}"
            ),
            hint: if kind == FailureKind::Denied {
                "make the state directory and its parents readable for nginx's user"
            } else {
                "usually another process listens on one of its ports; nginx's error log \
                 names it"
            },
        }
    }

    /// The reload itself failed with this output.
    pub(super) fn of_reload(output: &str) -> Self {
        let said = format!("nginx could not be reloaded: {}", quoted(output));
        Self {
            said,
            ..Self::of_signal(output)
        }
    }

    /// nginx could not be signalled, with this output.
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
            said: format!("nginx could not be signalled: {}", quoted(output)),
            hint: if is_down {
                "check that nginx is running"
            } else {
                ""
            },
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            said: failure.to_string(),
            hint: "",
        }
    }
}

/// The new messages at the end of the log.
pub(super) fn complaints(before: &str, after: &str) -> String {
    let grave = |line: &&str| {
        ["[emerg]", "[alert]", "[crit]"]
            .iter()
            .any(|l| line.contains(l))
    };
    let mut said: Vec<String> = after
        .lines()
        .filter(grave)
        .filter(|line| !before.contains(*line))
        .map(|line| {
            // Without time and process, repeated messages appear once.
            let words = line.split_once(": ").map_or(line, |(_, words)| words);
            sanitize(words)
        })
        .collect();
    said.dedup();
    if said.is_empty() {
        return String::new();
    }
    format!("its error log says: {}", cut(&said.join(", ")))
}

/// nginx's output, sanitized and shortened.
pub(super) fn quoted(output: &str) -> String {
    let text = cut(&sanitize(output.trim()));
    if text.is_empty() {
        "it printed nothing".to_owned()
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
