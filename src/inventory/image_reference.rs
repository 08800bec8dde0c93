//! A reference to an image by tag or digest, e.g. `registry.example/team/e2e:1.4`.

use std::fmt;
use std::str::FromStr;

use super::Digest;

/// The longest tag that registries accept.
const LONGEST_TAG: usize = 128;

/// An image that is named in the configuration. Its tag may be moved to another image at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// The repository without tag or digest, e.g. `registry.example/team/e2e`.
    pub repository: String,
    pub named_by: TagOrDigest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagOrDigest {
    Tag(String),
    Digest(Digest),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no image: write a repository with a tag or digest, such as registry.example/team/e2e:1.4"
)]
pub struct InvalidImageReference(pub String);

impl FromStr for ImageReference {
    type Err = InvalidImageReference;

    /// Reads `REPOSITORY:TAG` or `REPOSITORY@DIGEST`. As for Docker, the tag is `latest` if there is none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidImageReference(crate::sanitize::visible(text));
        if let Some((name, digest)) = text.split_once('@') {
            let repository = without_tag(name).0.to_owned();
            let digest = digest.parse().map_err(|_| invalid())?;
            let named_by = TagOrDigest::Digest(digest);
            return repository_is_plain(&repository)
                .then_some(Self {
                    repository,
                    named_by,
                })
                .ok_or_else(invalid);
        }
        let (repository, tag) = without_tag(text);
        let tag = tag.unwrap_or("latest");
        let is_tag = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let tag_is_valid = !tag.is_empty()
            && tag.len() <= LONGEST_TAG
            && !tag.starts_with(['.', '-'])
            && tag.chars().all(is_tag);
        (tag_is_valid && repository_is_plain(repository))
            .then(|| Self {
                repository: repository.to_owned(),
                named_by: TagOrDigest::Tag(tag.to_owned()),
            })
            .ok_or_else(invalid)
    }
}

/// Splits a name at its tag. The colon before a port is followed by a slash.
fn without_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

fn repository_is_plain(repository: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-:/[]".contains(c);
    !repository.is_empty() && repository.chars().all(is_plain)
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.named_by {
            TagOrDigest::Tag(tag) => write!(f, "{}:{tag}", self.repository),
            TagOrDigest::Digest(digest) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_written_in_full() {
        let digest = Digest::of(b"e2e");
        let pinned = format!("registry.example:5000/team/e2e@{digest}");
        let tagged = format!("team/e2e:1.4@{digest}");
        let untagged = format!("team/e2e@{digest}");
        for (text, full) in [
            (
                "registry.example:5000/team/e2e:1.4",
                "registry.example:5000/team/e2e:1.4",
            ),
            (
                "registry.example:5000/team/e2e",
                "registry.example:5000/team/e2e:latest",
            ),
            ("curl", "curl:latest"),
            (pinned.as_str(), pinned.as_str()),
            (tagged.as_str(), untagged.as_str()),
        ] {
            let read: ImageReference = text.parse().expect("a reference");
            assert_eq!(read.to_string(), full);
        }
        for bad in [
            "",
            ":1",
            "a b",
            "e2e:",
            "e2e:-1",
            "e2e@sha256:1",
            "e2e:a b",
            "e2e?x",
        ] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad}");
        }
    }
}
