//! The journal of a release: one entry for each event. Drivers write entries; screens, the archive and a driver that
//! resumes the release read them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Direction, Link, Step};
use crate::checks::Report;
use crate::inventory::{FencingToken, Operator, PeerApproval, TaskCall};

/// A person's decision, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub by: Operator,
    /// When the question was shown. The time from the question to the answer counts as waiting for the person.
    pub asked_at: Option<Timestamp>,
    /// The reason or remark that the person typed.
    pub note: Option<String>,
}

/// How a driver got the lock of a release that had a driver before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takeover {
    /// The lock was free: its driver had released it, or its lease had expired.
    Resumed,
    /// Another driver held the lock, and the operator took it on purpose.
    Forced,
}

/// The operator to whom a release is handed over. The handover is only for one console of that operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Successor {
    pub operator: Operator,
    pub console: String,
    /// The token of the only lock that the successor may take over.
    pub token: FencingToken,
}

/// One event of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum JournalEvent {
    /// A step is about to act.
    Intent {
        step: Step,
        direction: Direction,
        /// The approvals by other operators that allowed the step.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        peer_approvals: Vec<PeerApproval>,
        /// The command of a task that is about to be started. If the result is not known after a crash, it must not be
        /// started again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskCall>,
    },
    /// A step is done, or it failed.
    Outcome {
        step: Step,
        direction: Direction,
        /// Why the step failed; none if it is done.
        failure: Option<String>,
        /// The time from the intent to this entry.
        took: Duration,
    },
    /// The checks of the candidate were run.
    Checked { report: Report },
    /// A person approved a step.
    Approved {
        step: Step,
        /// The person who approved the step, and when the question was shown.
        decision: Decision,
    },
    /// A person or a rule requested that the release back out.
    BackOutAsked {
        /// The person's decision; none if a rule decided.
        decision: Option<Decision>,
        /// Why the release backs out.
        reason: String,
    },
    /// A person chose what to do about a failed or waiting step.
    Chosen {
        step: Step,
        /// `retry`, `back out`, `leave` or `skip`; `check again` for a waiting step.
        choice: String,
        /// The person who chose, and why.
        decision: Decision,
    },
    /// A driver resumed the release. Approvals that were given before no longer count.
    Resumed {
        /// How the new driver got the lock.
        how: Takeover,
        /// The previous driver according to the journal.
        from: Operator,
        /// The new driver, and why it resumed the release.
        decision: Decision,
    },
    /// The driver stopped on purpose, after the result of its current action had been observed. If a driver stops
    /// without this entry, the release is interrupted.
    DriverStopped {
        /// Why the driver stopped.
        reason: String,
        /// The successor, if the release was handed over.
        to: Option<Successor>,
    },
    /// An event, or an event of a step, that only a newer Greenroom knows. Screens show its name, but a release with
    /// such an event must not be resumed.
    #[serde(skip)]
    Unknown(UnknownEvent),
}

/// The names of the events that this Greenroom knows, as the key `entry` contains them.
const EVENTS: [&str; 8] = [
    "intent",
    "outcome",
    "checked",
    "approved",
    "back-out-asked",
    "chosen",
    "resumed",
    "driver-stopped",
];

/// The whole text of an event that only a newer Greenroom knows. So the event is copied without a loss, and its hash
/// can be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEvent(Map<String, Value>);

impl UnknownEvent {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// Whether this Greenroom does not know the event, or knows the event but not its step.
    fn is_unknown(&self) -> bool {
        let is_event = |name| EVENTS.contains(&name);
        let is_step = |name| Step::ALL.iter().any(|step| step.as_str() == name);
        !self.text("entry").is_none_or(is_event) || !self.text("step").is_none_or(is_step)
    }
}

/// Shows the names of the event and its step, not sanitized although another program wrote them.
impl fmt::Display for UnknownEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text("entry").unwrap_or("no name"))?;
        match self.text("step") {
            Some(step) => write!(f, " of the step {step}"),
            None => Ok(()),
        }
    }
}

fn write_event<S: Serializer>(event: &JournalEvent, to: S) -> Result<S::Ok, S::Error> {
    match event {
        JournalEvent::Unknown(written) => written.0.serialize(to),
        known => known.serialize(to),
    }
}

/// Reads an event. An entry with a known event and a known step must be complete, otherwise reading it is an error.
fn read_event<'de, D: Deserializer<'de>>(from: D) -> Result<JournalEvent, D::Error> {
    let written = UnknownEvent(Map::deserialize(from)?);
    if written.is_unknown() {
        return Ok(JournalEvent::Unknown(written));
    }
    JournalEvent::deserialize(Value::Object(written.0)).map_err(Error::custom)
}

/// One entry of a release's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Entries are numbered from 1 without gaps. Writing an entry again changes nothing.
    pub sequence: u32,
    pub at: Timestamp,
    #[serde(
        flatten,
        serialize_with = "write_event",
        deserialize_with = "read_event"
    )]
    pub event: JournalEvent,
    /// The hash that links this entry to the one before it. None until the entry is written, and none if an older
    /// Greenroom wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_or_step_of_a_newer_greenroom_is_kept_whole_and_named() {
        for (event, name) in [
            (r#""entry":"share","share":5"#, "share"),
            (
                r#""entry":"intent","step":"canary","direction":"forward""#,
                "intent of the step canary",
            ),
        ] {
            let text = format!(r#"{{"sequence":3,"at":"2026-11-21T14:02:11Z",{event}}}"#);
            let entry: Entry = serde_json::from_str(&text).expect("an entry");
            assert_eq!(entry.sequence, 3);
            assert!(matches!(&entry.event, JournalEvent::Unknown(it) if it.to_string() == name));
            let whole: Value = serde_json::from_str(&text).expect("an object");
            assert_eq!(serde_json::to_value(&entry).expect("an object"), whole);
        }
    }

    #[test]
    fn a_known_event_must_be_complete() {
        for event in [
            r#""entry":"intent","step":"pull""#,
            r#""entry":"outcome","step":7,"direction":"forward""#,
            r#""entry":7"#,
            r#""step":"pull""#,
        ] {
            let text = format!(r#"{{"sequence":3,"at":"2026-11-21T14:02:11Z",{event}}}"#);
            assert!(serde_json::from_str::<Entry>(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_event_of_this_greenroom_is_known() {
        let read = serde_json::from_str::<JournalEvent>(r#"{"entry":"no such event"}"#);
        let error = read.expect_err("unknown").to_string();
        for name in EVENTS {
            assert!(error.contains(&format!("`{name}`")), "{name}: {error}");
        }
        assert_eq!(
            error.matches('`').count(),
            2 * (EVENTS.len() + 1),
            "{error}"
        );
    }

    #[test]
    fn a_handed_over_release_names_its_successor() {
        let entry = Entry {
            sequence: 8,
            at: Timestamp::UNIX_EPOCH,
            event: JournalEvent::DriverStopped {
                reason: "handed over".into(),
                to: Some(Successor {
                    operator: Operator {
                        name: "ben".into(),
                        host: "ops-2".into(),
                    },
                    console: "ben@ops-2 4711 01JD4".into(),
                    token: FencingToken(8),
                }),
            },
            chain: None,
        };
        let text = serde_json::to_string(&entry).expect("text");
        assert!(text.contains(r#""entry":"driver-stopped""#), "{text}");
        let again: Entry = serde_json::from_str(&text).expect("an entry");
        assert_eq!(again, entry);
    }

    #[test]
    fn a_resumed_entry_reads_back_as_it_was_written() {
        let by = |name: &str| Operator {
            name: name.into(),
            host: "ops-2".into(),
        };
        let entry = Entry {
            sequence: 7,
            at: Timestamp::UNIX_EPOCH,
            event: JournalEvent::Resumed {
                how: Takeover::Forced,
                from: by("ana"),
                decision: Decision {
                    by: by("ben"),
                    asked_at: None,
                    note: Some("her console hangs".into()),
                },
            },
            chain: None,
        };
        let text = serde_json::to_string(&entry).expect("text");
        assert!(text.contains(r#""entry":"resumed""#), "{text}");
        let again: Entry = serde_json::from_str(&text).expect("an entry");
        assert_eq!(again, entry);
    }
}
