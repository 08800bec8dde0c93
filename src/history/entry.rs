//! What is written down while a release goes on, an entry for each thing that happened.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Direction, Link, Step};
use crate::checks::Report;
use crate::inventory::{FencingToken, Operator, PeerApproval};

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who.
    pub by: Operator,
    /// When it was asked; the time between is not Greenroom's.
    pub asked_at: Option<Timestamp>,
    /// What for, or why, in their words.
    pub note: Option<String>,
}

/// In which way somebody came to drive a release that had another driver before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takeover {
    /// Its lock was free: given back, or its lease had run out.
    Resumed,
    /// Its lock was held, and was taken on purpose.
    Forced,
}

/// To whom a release is handed: one console, and no other of the same person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Successor {
    /// Who.
    pub operator: Operator,
    /// Which console.
    pub console: String,
    /// The lock that they may take over: exactly this one.
    pub token: FencingToken,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum Happening {
    /// A step is about to act.
    Intent {
        /// Which.
        step: Step,
        /// Which way.
        direction: Direction,
        /// What others had approved, of which it needs so many.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[serde(rename = "endorsed")]
        peer_approvals: Vec<PeerApproval>,
    },
    /// A step was observed to be true, or given up.
    Outcome {
        /// Which.
        step: Step,
        /// Which way.
        direction: Direction,
        /// What went wrong; none when it is true.
        failure: Option<String>,
        /// From intent to here.
        took: Duration,
    },
    /// The checks were run.
    Checked {
        /// What came out.
        report: Report,
    },
    /// A person approved a step.
    Approved {
        /// Which.
        step: Step,
        /// Who and when.
        decision: Decision,
    },
    /// A person, or a crossed threshold, asked for the way back.
    BackOutAsked {
        /// Who and why; nobody when it was a rule.
        decision: Option<Decision>,
        /// The reason.
        reason: String,
    },
    /// A person chose what to do about a failed step, or while one waited.
    Chosen {
        /// Which step had failed, or waited.
        step: Step,
        /// `retry`, `back out`, `leave` or `skip`; `check again` of one that waited.
        choice: String,
        /// Who and why.
        decision: Decision,
    },
    /// Somebody goes on with it whose driver before is gone. No yes from before counts any more.
    Resumed {
        /// In which way.
        how: Takeover,
        /// Who drove it before, as far as is written.
        from: Operator,
        /// Who drives it now, and why.
        decision: Decision,
    },
    /// Its driver stopped driving on purpose, after what was under way had been observed. A driver that
    /// went away without this was cut off.
    LetGo {
        /// Why.
        reason: String,
        /// To whom it is handed, if to anybody.
        to: Option<Successor>,
    },
    /// Something that only a newer Greenroom knows. It can be passed over where a release is shown, and
    /// never where one is gone on with.
    #[serde(other)]
    Unknown,
}

/// One entry of a release's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up from 1 without gaps; writing the same entry twice changes nothing.
    pub sequence: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
    /// What ties it to the one before; none of what an older Greenroom wrote, and none before it is
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_newer_greenroom_knows_can_be_passed_over() {
        let text = r#"{"sequence":3,"at":"2026-11-21T14:02:11Z","entry":"canary","share":5}"#;
        let entry: Entry = serde_json::from_str(text).expect("an entry");
        assert_eq!((entry.sequence, entry.what), (3, Happening::Unknown));
    }

    #[test]
    fn a_release_that_was_handed_over_says_to_whom() {
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
