//! A search for releases, the same as flags and as typed text: `service:web outcome:failed
//! operator:ana since:yesterday basket`. Pure.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Outcome, ReleaseRecord, when};

/// The state of a release, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// It has no end yet: it is running, or was interrupted.
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

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Done,
        Self::Superseded,
        Self::BackedOut,
        Self::Left,
        Self::NeedsPerson,
    ];

    /// The state of this release.
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

    /// The word for it, without a space.
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

    /// The group that it belongs to.
    pub fn among(self) -> Among {
        match self {
            Self::Open => Among::Open,
            Self::Done | Self::Superseded => Among::Good,
            Self::BackedOut | Self::Left | Self::NeedsPerson => Among::Failed,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BackedOut => "backed out",
            Self::NeedsPerson => "needs a person",
            other => other.as_str(),
        })
    }
}

/// A group of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Among {
    /// It has no end yet.
    Open,
    /// The version became live.
    Good,
    /// The version did not become live, or did not stay live.
    Failed,
}

impl Among {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Good => "ok",
            Self::Failed => "failed",
        }
    }
}

/// The outcomes to search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcomes {
    /// Exactly this one.
    One(Standing),
    /// All outcomes of this group.
    Among(Among),
}

impl FromStr for Outcomes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.to_ascii_lowercase().replace(['_', ' '], "-");
        let word = word.replace("-a-", "-");
        let one = Standing::ALL.into_iter().find(|one| one.as_str() == word);
        match (one, word.as_str()) {
            (Some(one), _) => Ok(Self::One(one)),
            (None, "ok" | "good") => Ok(Self::Among(Among::Good)),
            (None, "failed" | "bad") => Ok(Self::Among(Among::Failed)),
            _ => {
                let all: Vec<&str> = Standing::ALL.map(Standing::as_str).into();
                Err(format!(
                    "`{text}` is not an outcome: write ok, failed, {}",
                    all.join(", ")
                ))
            }
        }
    }
}

/// The conditions that a release must all meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its service.
    pub service: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// Its version: the tag, the short digest if it has none, or the beginning of a digest.
    pub version: Option<String>,
    /// The operator who opened it: `ana` or `ana@ops-1`.
    pub operator: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcomes>,
    /// Opened at this time or later.
    pub since: Option<Timestamp>,
    /// Opened before this time.
    pub until: Option<Timestamp>,
    /// Words that must all appear in it; the beginning of a word is enough.
    pub words: Vec<String>,
}

impl Filter {
    /// Parses typed text. The error names the part that is not valid.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, String> {
        let mut filter = Self::default();
        for word in text.split_whitespace() {
            let (key, value) = word.split_once(':').unwrap_or(("", word));
            // A key without a value is still being typed.
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
                // An address or a digest also has a colon.
                _ => filter.words.push(word.to_owned()),
            }
        }
        Ok(filter)
    }
}

/// The keys before a colon.
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
            outcome: Some(Outcomes::Among(Among::Failed)),
            since: Some("2026-11-20T00:00:00Z".parse().expect("a time")),
            // The whole of today.
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
        let said = Filter::parse("outcome:nice", now()).expect_err("no outcome");
        assert!(
            said.contains("backed-out") && said.contains("failed"),
            "{said}"
        );
        assert!(Filter::parse("since:soon", now()).is_err());
    }

    #[test]
    fn every_outcome_can_be_asked_for_by_its_word() {
        for one in Standing::ALL {
            assert_eq!(one.as_str().parse(), Ok(Outcomes::One(one)));
            assert_eq!(one.to_string().parse(), Ok(Outcomes::One(one)));
        }
    }
}
