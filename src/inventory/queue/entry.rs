//! An entry of a queue: a push for one target, and what became of it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{Digest, Operator, ReleaseId, Target, Version, local_time};
use super::Push;

/// The length of an id, in hexadecimal digits.
const LENGTH: usize = 32;
/// How many digits of an id are shown where space is short.
const SHORT: usize = 8;

/// The id of an entry. A push that is delivered twice has the same id both times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryId(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of an entry: it has {LENGTH} hexadecimal digits")]
pub struct InvalidEntryId(String);

impl EntryId {
    /// The id of a push: a hash over its source, its delivery, its repository and its tag.
    pub fn of(push: &Push) -> Self {
        let Push {
            source,
            delivery,
            repository,
            tag,
            ..
        } = push;
        let text = format!("{source:?}\n{delivery}\n{repository}\n{tag}");
        let digest = Digest::of(text.as_bytes());
        let digits = digest.as_str().trim_start_matches("sha256:");
        Self(digits.chars().take(LENGTH).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }

    /// Whether a typed text means this id: the id, or at least four digits from its beginning.
    pub fn is_meant_by(&self, typed: &str) -> bool {
        let typed = typed.trim().to_ascii_lowercase();
        typed.len() >= 4 && self.0.starts_with(&typed)
    }
}

impl FromStr for EntryId {
    type Err = InvalidEntryId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |c: u8| c.is_ascii_digit() || matches!(c, b'a'..=b'f');
        if text.len() == LENGTH && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEntryId(text.chars().take(LENGTH + 1).collect()))
        }
    }
}

impl TryFrom<String> for EntryId {
    type Error = InvalidEntryId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EntryId> for String {
    fn from(id: EntryId) -> Self {
        id.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The push that caused a release. It is kept with the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    pub entry: EntryId,
    /// The push in a few words. A store may have been given another text: sanitize it before it is shown.
    pub push: String,
}

impl Trigger {
    /// The reason that an agent gives for the release.
    pub fn reason(&self) -> String {
        format!("push of {}", self.push)
    }
}

impl fmt::Display for Trigger {
    /// `for a push of develop of team/web, from hub, by ana (entry 1a2b3c4d)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, push } = self;
        write!(f, "for a push of {push} (entry {})", entry.short())
    }
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum EntryState {
    /// The agent releases the version as soon as it can.
    Waiting {
        /// What the entry waits for. None if no agent has considered the entry since it was added or put back.
        why: Option<String>,
    },
    /// The environment is protected, so only an operator may release the version.
    Offered,
    /// An agent releases the version. It writes this state before it opens the release. So an agent that crashes in
    /// between leaves an id that no release has.
    RollingOut {
        release: ReleaseId,
        /// The name of the agent's process.
        agent: String,
    },
    /// The version became live, or was live already.
    Done {
        /// The release that made the version live. None if the agent does not know it.
        release: Option<ReleaseId>,
    },
    /// Another push of the target, reported or retried later, takes the place of this one.
    Skipped { for_entry: EntryId },
    /// The version cannot be released.
    Refused { why: String },
    /// The version was released, but did not become live.
    Failed { release: ReleaseId, why: String },
    /// An operator decided that no agent releases the version.
    Dismissed {
        by: Operator,
        reason: Option<String>,
    },
}

/// The kind of an entry's state, without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateKind {
    Waiting,
    Offered,
    RollingOut,
    Done,
    Skipped,
    Refused,
    Failed,
    Dismissed,
}

impl StateKind {
    /// One or two words, for lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::RollingOut => "rolling out",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Dismissed => "dismissed",
        }
    }

    /// What a sentence says about the version or the entry: `is waiting`.
    pub fn predicate(self) -> &'static str {
        match self {
            Self::Waiting => "is waiting",
            Self::Offered => "is offered",
            Self::RollingOut => "is rolling out",
            Self::Done => "is done",
            Self::Skipped => "was skipped",
            Self::Refused => "was refused",
            Self::Failed => "has failed",
            Self::Dismissed => "was dismissed",
        }
    }
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl EntryState {
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Waiting { .. } => StateKind::Waiting,
            Self::Offered => StateKind::Offered,
            Self::RollingOut { .. } => StateKind::RollingOut,
            Self::Done { .. } => StateKind::Done,
            Self::Skipped { .. } => StateKind::Skipped,
            Self::Refused { .. } => StateKind::Refused,
            Self::Failed { .. } => StateKind::Failed,
            Self::Dismissed { .. } => StateKind::Dismissed,
        }
    }

    /// Whether an agent or an operator may still release the version without a retry.
    pub fn is_pending(&self) -> bool {
        matches!(
            self,
            Self::Waiting { .. } | Self::Offered | Self::RollingOut { .. }
        )
    }

    /// Whether an operator may take the entry out of the queue.
    pub fn is_dismissable(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Offered)
    }

    /// Whether an operator may let the entry wait again.
    pub fn is_retryable(&self) -> bool {
        !self.is_pending() && !matches!(self, Self::Done { .. })
    }

    /// The release of the entry.
    pub fn release(&self) -> Option<ReleaseId> {
        match self {
            Self::RollingOut { release, .. } | Self::Failed { release, .. } => Some(*release),
            Self::Done { release } => *release,
            _ => None,
        }
    }

    /// What an operator should know besides the kind of the state: what the entry waits for, or the
    /// reason for its end.
    pub fn details(&self) -> Option<String> {
        match self {
            Self::Waiting { why } => {
                let unread = || "no agent has considered it yet".to_owned();
                Some(why.clone().unwrap_or_else(unread))
            }
            Self::Offered => Some(
                "the environment is protected: an operator must promote the version".to_owned(),
            ),
            Self::RollingOut { release, .. }
            | Self::Done {
                release: Some(release),
            } => Some(format!("release {}", release.short())),
            Self::Done { release: None } => Some("the version was live already".to_owned()),
            Self::Skipped { for_entry } => Some(format!(
                "another push takes its place: {}",
                for_entry.short()
            )),
            Self::Refused { why } => Some(why.clone()),
            Self::Failed { release, why } => Some(format!("release {}: {why}", release.short())),
            Self::Dismissed { by, reason } => Some(match reason {
                Some(reason) => format!("by {by}: {reason}"),
                None => format!("by {by}"),
            }),
        }
    }
}

/// A push for one target, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEntry {
    pub id: EntryId,
    pub target: Target,
    pub push: Push,
    #[serde(flatten)]
    pub state: EntryState,
    /// When the entry got its state.
    pub changed_at: Timestamp,
    /// The version that the tag named when an agent resolved it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The last retry. The version may then be released although it has failed before, and the entry sorts by the time
    /// of the retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<Retry>,
    /// The release that an agent named last, since the last retry. Another agent may have let the entry wait again while
    /// the release was being opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<ReleaseId>,
}

/// An operator's retry of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    pub by: Operator,
    pub at: Timestamp,
}

impl QueueEntry {
    /// A new entry, which waits for an agent.
    pub fn new(target: &Target, push: Push) -> Self {
        Self {
            id: EntryId::of(&push),
            target: target.clone(),
            changed_at: push.received_at,
            push,
            state: EntryState::Waiting { why: None },
            version: None,
            retried: None,
            named: None,
        }
    }

    /// The entry with another state. The time does not change if the state stays the same.
    #[must_use]
    pub fn becomes(&self, state: EntryState, at: Timestamp) -> Self {
        let changed_at = if state == self.state {
            self.changed_at
        } else {
            at
        };
        let named = match &state {
            EntryState::RollingOut { release, .. } => Some(*release),
            _ => self.named,
        };
        Self {
            state,
            changed_at,
            named,
            ..self.clone()
        }
    }

    /// The push and its state in a few words: `push of develop from hub: waiting, since 2026-11-20 14:02:11 CET`. A store
    /// may have been given other texts: sanitize them before they are shown.
    pub fn summary(&self) -> String {
        let Push { tag, source, .. } = &self.push;
        let (state, since) = (self.state.kind(), local_time::moment(self.changed_at));
        format!("push of {tag} from {source}: {state}, since {since}")
    }

    /// The entry after an operator's retry: it waits again.
    #[must_use]
    pub fn retry(&self, retry: Retry) -> Self {
        let waiting = self.becomes(EntryState::Waiting { why: None }, retry.at);
        Self {
            retried: Some(retry),
            named: None,
            ..waiting
        }
    }

    /// Whether the entry waits for an agent.
    pub fn needs_agent(&self) -> bool {
        matches!(self.state, EntryState::Waiting { .. })
    }

    /// The trigger that a release of this entry records.
    pub fn trigger(&self) -> Trigger {
        Trigger {
            entry: self.id.clone(),
            push: self.push.words(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PushSource;
    use super::*;

    fn push(delivery: &str, tag: &str) -> Push {
        let source = PushSource::Inbox("hub".into());
        Push::new("team/web", tag, source, delivery, Timestamp::UNIX_EPOCH).expect("a push")
    }

    #[test]
    fn a_repeated_delivery_has_the_same_id() {
        let later = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(60);
        let repeated = Push {
            received_at: later,
            ..push("d1", "develop")
        };
        assert_eq!(EntryId::of(&push("d1", "develop")), EntryId::of(&repeated));
        for other in [push("d2", "develop"), push("d1", "master")] {
            assert_ne!(EntryId::of(&push("d1", "develop")), EntryId::of(&other));
        }
    }

    #[test]
    fn an_entry_is_stored_and_read_without_loss() {
        let target = Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        );
        let entry = QueueEntry::new(&target, push("d1", "develop"));
        let by = Operator {
            name: "ana".into(),
            host: "ops-1".into(),
        };
        let release = ReleaseId(ulid::Ulid::nil());
        for state in [
            EntryState::Waiting { why: None },
            EntryState::Offered,
            EntryState::RollingOut {
                release,
                agent: "a".into(),
            },
            EntryState::Done { release: None },
            EntryState::Skipped {
                for_entry: entry.id.clone(),
            },
            EntryState::Refused { why: "no".into() },
            EntryState::Failed {
                release,
                why: "a check".into(),
            },
            EntryState::Dismissed { by, reason: None },
        ] {
            let entry = entry.becomes(state, Timestamp::UNIX_EPOCH);
            let text = serde_json::to_string(&entry).expect("encoded");
            assert_eq!(
                serde_json::from_str::<QueueEntry>(&text).expect("decoded"),
                entry
            );
        }
    }
}
