//! The journal of a release: one entry for each event.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Direction, Link, Step};
use crate::checks::Report;
use crate::inventory::{FencingToken, Operator, PeerApproval};

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The person.
    pub by: Operator,
    /// When the person was asked. The time between question and answer is not Greenroom's.
    pub asked_at: Option<Timestamp>,
    /// The person's reason or remark, in their own words.
    pub note: Option<String>,
}

/// How an operator came to drive a release that had another driver before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takeover {
    /// Its lock was free: it was released, or its lease had expired.
    Resumed,
    /// Its lock was held, and the operator took it on purpose.
    Forced,
}

/// The successor of a handover: one console, and no other of the same person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Successor {
    /// The operator.
    pub operator: Operator,
    /// The operator's console.
    pub console: String,
    /// The only lock that the successor may take over.
    pub token: FencingToken,
}

/// One event of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum Happening {
    /// A step is about to act.
    Intent {
        /// The step.
        step: Step,
        /// The direction.
        direction: Direction,
        /// The approvals by other operators that the step required.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[serde(rename = "endorsed")]
        peer_approvals: Vec<PeerApproval>,
    },
    /// A step was observed to be complete, or given up.
    Outcome {
        /// The step.
        step: Step,
        /// The direction.
        direction: Direction,
        /// What went wrong; none if the step is complete.
        failure: Option<String>,
        /// The time from the intent to this entry.
        took: Duration,
    },
    /// The checks were run.
    Checked {
        /// The result.
        report: Report,
    },
    /// A person approved a step.
    Approved {
        /// The step.
        step: Step,
        /// Who approved it, and when.
        decision: Decision,
    },
    /// A person, or a crossed threshold, asked to back out.
    BackOutAsked {
        /// Who decided, and why; none if a rule decided.
        decision: Option<Decision>,
        /// The reason.
        reason: String,
    },
    /// A person chose what to do about a failed or waiting step.
    Chosen {
        /// The step that had failed or was waiting.
        step: Step,
        /// `retry`, `back out`, `leave` or `skip`; `check again` for a waiting step.
        choice: String,
        /// Who decided, and why.
        decision: Decision,
    },
    /// Another driver resumed the release after its driver had gone. Approvals from before no longer count.
    Resumed {
        /// How the driver got the lock.
        how: Takeover,
        /// The driver before, as far as the journal says.
        from: Operator,
        /// The new driver, and why.
        decision: Decision,
    },
    /// The driver stopped driving on purpose, after the current act had been observed. A driver that disappeared
    /// without this entry was interrupted.
    LetGo {
        /// The reason.
        reason: String,
        /// The successor, if it was handed over.
        to: Option<Successor>,
    },
    /// An event that only a newer Greenroom knows. Screens may skip it, but a release with such an entry must not be
    /// resumed.
    #[serde(other)]
    Unknown,
}

/// One entry of a release's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up from 1 without gaps. Writing the same entry twice changes nothing.
    pub sequence: u32,
    /// The time of the event.
    pub at: Timestamp,
    /// The event.
    #[serde(flatten)]
    pub what: Happening,
    /// The hash that ties it to the entry before; none if an older Greenroom wrote it, and none before it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_a_newer_greenroom_can_be_skipped() {
        let text = r#"{"sequence":3,"at":"2026-11-21T14:02:11Z","entry":"canary","share":5}"#;
        let entry: Entry = serde_json::from_str(text).expect("an entry");
        assert_eq!((entry.sequence, entry.what), (3, Happening::Unknown));
    }

    #[test]
    fn a_handed_over_release_names_its_successor() {
        let entry = Entry {
            sequence: 8,
            at: Timestamp::UNIX_EPOCH,
            what: Happening::LetGo {
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
        assert!(text.contains(r#""entry":"let-go""#), "{text}");
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
            what: Happening::Resumed {
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
