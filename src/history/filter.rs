//! What is looked for among releases, the same in flags and as it is typed: `service:web
//! outcome:failed operator:ana since:yesterday basket`. Pure.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Outcome, ReleaseRecord, when};

/// Where a release stands, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// It has no end yet: it goes on, or was interrupted.
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

    /// Where this release stands.
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

    /// Which of the three it is among.
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

/// How it went, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Among {
    /// It has no end yet.
    Open,
    /// The version became live.
    Good,
    /// It did not, or did not stay.
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

/// Which outcomes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcomes {
    /// Exactly this one.
    One(Standing),
    /// All that are among these.
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
                    "`{text}` is no outcome: write ok, failed, {}",
                    all.join(", ")
                ))
            }
        }
    }
}

/// Everything that has to hold of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its service.
    pub service: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// Its version: the tag, the short digest where it has none, or how a digest begins.
    pub version: Option<String>,
    /// Who released: `ana` or `ana@ops-1`.
    pub operator: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcomes>,
    /// Begun then or later.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
    /// Words that are all somewhere in it; the beginning of one is enough.
    pub words: Vec<String>,
}

impl Filter {
    /// What was typed. The error says what cannot be meant.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, String> {
        let mut filter = Self::default();
        for word in text.split_whitespace() {
            let (key, value) = word.split_once(':').unwrap_or(("", word));
            // A key without a value is being typed.
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
                // An address or a digest has a colon, too.
                _ => filter.words.push(word.to_owned()),
            }
        }
        Ok(filter)
    }
}

/// What can stand before a colon.
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
    fn what_is_typed_is_what_the_flags_say() {
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
            // All of today.
            until: Some("2026-11-22T00:00:00Z".parse().expect("a time")),
            words: vec!["basket".into(), "sha256:4f2a".into()],
        };
        assert_eq!(filter, wanted);
    }

    #[test]
    fn a_key_that_is_being_typed_holds_nothing_back() {
        assert_eq!(
            Filter::parse("  outcome: since:", now()),
            Ok(Filter::default())
        );
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
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
