//! The search for releases. Flags of the command line and typed text make the same [`Filter`]:
//! `service:web outcome:failed operator:ana since:yesterday basket`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Outcome, ReleaseRecord, when};

/// The state of a release in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReleaseState {
    /// The release has no end yet: it is running, or was interrupted.
    Open,
    /// See [`Outcome::Done`].
    Done,
    /// See [`Outcome::Superseded`].
    Superseded,
    /// See [`Outcome::BackedOut`].
    BackedOut,
    /// See [`Outcome::Left`].
    Left,
    /// See [`Outcome::NeedsPerson`].
    NeedsPerson,
}

impl ReleaseState {
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Done,
        Self::Superseded,
        Self::BackedOut,
        Self::Left,
        Self::NeedsPerson,
    ];

    pub fn of(record: &ReleaseRecord) -> Self {
        match record.closed.as_ref().map(|(_, outcome)| outcome) {
            None => Self::Open,
            Some(Outcome::Done) => Self::Done,
            Some(Outcome::Superseded { .. }) => Self::Superseded,
            Some(Outcome::BackedOut { .. }) => Self::BackedOut,
            Some(Outcome::Left { .. }) => Self::Left,
            Some(Outcome::NeedsPerson { .. }) => Self::NeedsPerson,
        }
    }

    /// One word without a space, as it is typed in a filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Superseded => "superseded",
            Self::BackedOut => "backed-out",
            Self::Left => "left",
            Self::NeedsPerson => "needs-person",
        }
    }

    pub fn group(self) -> StateGroup {
        match self {
            Self::Open => StateGroup::Open,
            Self::Done | Self::Superseded => StateGroup::Good,
            Self::BackedOut | Self::Left | Self::NeedsPerson => StateGroup::Failed,
        }
    }
}

impl fmt::Display for ReleaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BackedOut => "backed out",
            Self::NeedsPerson => "needs a person",
            other => other.as_str(),
        })
    }
}

/// A group of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateGroup {
    /// The release has no end yet.
    Open,
    /// The version became live.
    Good,
    /// The release was backed out, was left unfinished on purpose, or needs a person.
    Failed,
}

impl StateGroup {
    /// The word that is typed in a filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Good => "ok",
            Self::Failed => "failed",
        }
    }
}

/// The outcomes that a filter lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcomes {
    One(ReleaseState),
    Group(StateGroup),
}

impl FromStr for Outcomes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.to_ascii_lowercase().replace(['_', ' '], "-");
        let word = word.replace("-a-", "-");
        let state = ReleaseState::ALL
            .into_iter()
            .find(|state| state.as_str() == word);
        match (state, word.as_str()) {
            (Some(state), _) => Ok(Self::One(state)),
            (None, "ok" | "good") => Ok(Self::Group(StateGroup::Good)),
            (None, "failed" | "bad") => Ok(Self::Group(StateGroup::Failed)),
            _ => {
                let names: Vec<&str> = ReleaseState::ALL.map(ReleaseState::as_str).into();
                Err(format!(
                    "`{text}` is not an outcome: write one of ok, failed, {}",
                    names.join(", ")
                ))
            }
        }
    }
}

/// The conditions of a search. A release must meet all of them. For holds and repairs, see
/// [`AuditRecord::matches_filter`](super::AuditRecord::matches_filter).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub service: Option<String>,
    pub environment: Option<String>,
    /// The tag, the short digest if the version has no tag, or the beginning of a digest.
    pub version: Option<String>,
    /// The operator who opened the release: `ana` or `ana@ops-1`.
    pub operator: Option<String>,
    pub outcome: Option<Outcomes>,
    /// The release was opened at this time or later.
    pub since: Option<Timestamp>,
    /// The release was opened before this time.
    pub until: Option<Timestamp>,
    /// Words that must all appear in the release. The beginning of a word is enough.
    pub words: Vec<String>,
}

impl Filter {
    /// Parses typed text. The error names the invalid part.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, String> {
        let mut filter = Self::default();
        for word in text.split_whitespace() {
            let (key, value) = word.split_once(':').unwrap_or(("", word));
            // A key without a value is ignored, because the operator may still be typing it.
            if value.is_empty() && KEYS.contains(&key) {
                continue;
            }
            match key {
                "service" => filter.service = Some(value.to_owned()),
                "environment" | "env" => filter.environment = Some(value.to_owned()),
                "version" => filter.version = Some(value.to_owned()),
                "operator" | "by" => filter.operator = Some(value.to_owned()),
                "outcome" => filter.outcome = Some(value.parse()?),
                "since" => filter.since = Some(when(value, now)?.from),
                "until" => filter.until = Some(when(value, now)?.to),
                // Addresses and digests contain a colon too, and are words to search for.
                _ => filter.words.push(word.to_owned()),
            }
        }
        Ok(filter)
    }
}

/// The keys that can precede a colon.
const KEYS: [&str; 9] = [
    "service",
    "environment",
    "env",
    "version",
    "operator",
    "by",
    "outcome",
    "since",
    "until",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T14:02:11Z".parse().expect("a time")
    }

    #[test]
    fn typed_text_means_the_same_as_flags() {
        let typed = [
            "service:web env:qa outcome:failed by:ana since:yesterday until:today basket",
            "sha256:4f2a version:1.9.0",
        ];
        let filter = Filter::parse(&typed.join(" "), now()).expect("a filter");
        let wanted = Filter {
            service: Some("web".into()),
            environment: Some("qa".into()),
            version: Some("1.9.0".into()),
            operator: Some("ana".into()),
            outcome: Some(Outcomes::Group(StateGroup::Failed)),
            since: Some("2026-11-20T00:00:00Z".parse().expect("a time")),
            // The end of today.
            until: Some("2026-11-22T00:00:00Z".parse().expect("a time")),
            words: vec!["basket".into(), "sha256:4f2a".into()],
        };
        assert_eq!(filter, wanted);
    }

    #[test]
    fn a_key_without_a_value_is_ignored() {
        assert_eq!(
            Filter::parse("  outcome: since:", now()),
            Ok(Filter::default())
        );
    }

    #[test]
    fn an_invalid_value_is_refused() {
        let error = Filter::parse("outcome:nice", now()).expect_err("no outcome");
        assert!(
            error.contains("backed-out") && error.contains("failed"),
            "{error}"
        );
        assert!(Filter::parse("since:soon", now()).is_err());
    }

    #[test]
    fn every_outcome_is_parsed_from_its_word() {
        for state in ReleaseState::ALL {
            assert_eq!(state.as_str().parse(), Ok(Outcomes::One(state)));
            assert_eq!(state.to_string().parse(), Ok(Outcomes::One(state)));
        }
    }
}
