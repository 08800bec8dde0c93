//! A push: a tag of a repository names a new image, as a sender says.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::tag_pattern::is_tag;
use super::super::{Digest, registry_host};
use crate::sanitize::sanitize;

/// The longest name of a repository that is accepted, in bytes. The longest name that image registries allow is 255.
pub const LONGEST_REPOSITORY: usize = 255;
/// The longest text that is kept of what a sender claims, in characters.
pub const LONGEST_CLAIM: usize = 80;

/// How a push was reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum PushSource {
    /// The inbox of the agent received it from the configured sender with this name.
    Inbox(String),
    /// An operator or a CI job ran `greenroom notify`.
    Notify,
    /// The agent asked the image registry and found that the tag names another image.
    Poll,
}

impl fmt::Display for PushSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inbox(name) => f.write_str(name),
            Self::Notify => f.write_str("greenroom notify"),
            Self::Poll => f.write_str("poll"),
        }
    }
}

/// A tag names a new image, as a sender says. The sender may be wrong or lie about everything. [`Push::new`] and
/// [`Push::by`] sanitize and shorten the texts. A push from a store may have other texts: sanitize them before they are
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The repository as the sender names it, e.g. `team/web`.
    pub repository: String,
    pub tag: String,
    /// The digest that the tag named when the report was sent, as the sender claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    pub source: PushSource,
    /// The id of the delivery: the sender's id, or a hash of the content. `greenroom notify` makes a random id, and a
    /// poll uses the digest. A repeated delivery has the same id.
    pub delivery: String,
    /// The person or program that pushed, as the sender claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub received_at: Timestamp,
}

/// Why a report cannot be a push.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPush {
    #[error("{0:?} is not the name of a repository")]
    Repository(String),
    #[error("{0:?} is not a tag")]
    Tag(String),
}

impl Push {
    /// A push with checked names and shortened texts.
    pub fn new(
        repository: &str,
        tag: &str,
        source: PushSource,
        delivery: &str,
        received_at: Timestamp,
    ) -> Result<Self, BadPush> {
        let push = Self {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest: None,
            source,
            delivery: claim(delivery),
            by: None,
            received_at,
        };
        push.check()?;
        Ok(push)
    }

    /// Checks the names of the repository and the tag. Another program may have written a push that is read from a
    /// store.
    pub fn check(&self) -> Result<(), BadPush> {
        let Self {
            repository, tag, ..
        } = self;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
        let mut parts = repository.split('/');
        let is_repository = repository.len() <= LONGEST_REPOSITORY
            && parts.all(|part| !part.is_empty() && part.chars().all(is_part));
        if !is_repository {
            return Err(BadPush::Repository(claim(repository)));
        }
        if !is_tag(tag) {
            return Err(BadPush::Tag(claim(tag)));
        }
        Ok(())
    }

    #[must_use]
    pub fn digest(self, digest: Option<Digest>) -> Self {
        Self { digest, ..self }
    }

    #[must_use]
    pub fn by(self, by: Option<&str>) -> Self {
        let by = by.map(claim).filter(|by| !by.is_empty());
        Self { by, ..self }
    }

    /// Whether the push is for this repository of the configuration. Image registries do not know the names under which
    /// clients reach them, so only the path is compared. This is safe, because the tag is resolved with the configured
    /// image registry.
    pub fn is_for(&self, repository: &str) -> bool {
        path_of(&self.repository) == path_of(repository)
    }

    /// The push in a few words: `develop of team/web, from hub, by ana`.
    pub fn words(&self) -> String {
        let Self {
            repository,
            tag,
            source,
            by,
            ..
        } = self;
        let by = by.as_ref().map_or(String::new(), |by| format!(", by {by}"));
        format!("{tag} of {repository}, from {source}{by}")
    }
}

/// The name of a repository without the image registry. Docker Hub's own images may be written with or without
/// `library/`.
fn path_of(repository: &str) -> &str {
    let without_host = repository.strip_prefix(registry_host(repository));
    let path = without_host.and_then(|path| path.strip_prefix('/'));
    let path = path.unwrap_or(repository);
    path.strip_prefix("library/").unwrap_or(path)
}

/// A text of a sender, sanitized and shortened.
fn claim(text: &str) -> String {
    let shortened: String = text.chars().take(LONGEST_CLAIM).collect();
    sanitize(&shortened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(repository: &str, tag: &str) -> Result<Push, BadPush> {
        Push::new(
            repository,
            tag,
            PushSource::Inbox("hub".into()),
            "d1",
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn only_the_path_of_a_repository_is_compared() {
        for (pushed, configured) in [
            ("team/web", "registry.example:5000/team/web"),
            ("localhost:5000/team/web", "registry.example/team/web"),
            ("docker.io/team/web", "team/web"),
            ("library/nginx", "nginx"),
        ] {
            let push = push(pushed, "develop").expect("a push");
            assert!(push.is_for(configured), "{pushed} {configured}");
        }
        for (pushed, configured) in [("team/web", "team/web2"), ("web", "team/web")] {
            let push = push(pushed, "develop").expect("a push");
            assert!(!push.is_for(configured), "{pushed} {configured}");
        }
    }

    #[test]
    fn wrong_names_are_refused() {
        let long = "x".repeat(LONGEST_REPOSITORY + 1);
        for repository in ["", "/web", "team//web", "team/we b", "a\u{1b}b", &long] {
            assert!(push(repository, "develop").is_err(), "{repository:?}");
        }
        for tag in ["", "a b", "../x", "a\nb"] {
            let refused = push("team/web", tag).expect_err("no tag");
            assert!(!refused.to_string().contains('\n'), "{refused}");
        }
    }

    #[test]
    fn claims_are_short_and_sanitized() {
        let push = push("team/web", "develop").expect("a push");
        let push = push.by(Some(&format!("a\u{1b}[2J\n{}", "b".repeat(500))));
        let by = push.by.clone().expect("a name");
        assert!(by.chars().count() <= LONGEST_CLAIM + 8, "{by}");
        assert!(!by.contains(char::is_control), "{by:?}");
        assert_eq!(push.by(Some("")).by, None);
    }
}
