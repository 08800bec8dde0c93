//! Versions are images. The digest identifies a version, never the tag.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The content address of an image: `sha256:` and 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest: a digest is `sha256:` and 64 hexadecimal digits in lower case")]
pub struct InvalidDigest(pub String);

impl Digest {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest of these bytes.
    pub fn of(content: &[u8]) -> Self {
        let mut text = "sha256:".to_owned();
        for byte in Sha256::digest(content) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The first ten hexadecimal digits, which are enough to tell versions apart on a screen.
    pub fn short(&self) -> &str {
        let start = "sha256:".len();
        self.0.get(start..start + 10).unwrap_or(&self.0)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() == 64 && hex.bytes().all(is_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDigest(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What an image says about itself, from its labels `org.opencontainers.image.*`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageLabels {
    /// The commit from which the image was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When the image was built, as text. It is in the format of RFC 3339 if the builder follows the specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A build time before this one is ignored, because reproducible builds often set it to 1970.
const FIRST_IMAGES: Timestamp = Timestamp::constant(1_000_000_000, 0);

impl ImageLabels {
    /// When the image was built; none if the time is missing, unreadable or not later than `FIRST_IMAGES`.
    pub fn built_at(&self) -> Option<Timestamp> {
        let at: Timestamp = self.created.as_ref()?.parse().ok()?;
        (at > FIRST_IMAGES).then_some(at)
    }
}

/// A resolved image. Two versions are equal if their digests are equal: one tag with a new digest is another version,
/// and two tags of one digest are one version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    /// The repository without tag or digest, e.g. `registry.example/team/web`.
    pub repository: String,
    /// The tag by which the version was requested; none if it was requested by digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    pub digest: Digest,
    #[serde(default)]
    pub labels: ImageLabels,
}

impl Version {
    /// The name that people use: the tag, or the short digest if there is no tag.
    pub fn name(&self) -> &str {
        self.tag.as_deref().unwrap_or_else(|| self.digest.short())
    }

    /// The reference `repository@digest`, by which the image is pulled and run.
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(f, "{tag} ({})", self.digest.short()),
            None => f.write_str(self.digest.short()),
        }
    }
}

/// A tag that an image registry lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTag {
    pub name: String,
}

/// An image that Docker has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineImage {
    pub repository: String,
    pub digest: Digest,
    /// Bytes, including layers that the image shares with other images.
    pub size: u64,
}

/// A version as an operator names it: by tag or by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionRef {
    /// A tag. It is resolved to a digest once.
    Tag(String),
    Digest(Digest),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a version: write a tag (at most 128 of A-Z, a-z, 0-9, `_`, `.` and `-`, not starting with `.` or `-`) or a digest (`sha256:` and 64 hexadecimal digits in lower case)"
)]
pub struct InvalidVersionRef(pub String);

impl FromStr for VersionRef {
    type Err = InvalidVersionRef;

    /// Accepts the tags that the OCI distribution specification allows.
    fn from_str(text: &str) -> Result<Self, InvalidVersionRef> {
        if let Ok(digest) = text.parse() {
            return Ok(Self::Digest(digest));
        }
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let mut bytes = text.bytes();
        let first_ok = bytes.next().is_some_and(word);
        let rest_ok = bytes.all(|b| word(b) || b == b'.' || b == b'-');
        if first_ok && rest_ok && text.len() <= 128 {
            Ok(Self::Tag(text.to_owned()))
        } else {
            Err(InvalidVersionRef(text.to_owned()))
        }
    }
}

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.pad(tag),
            Self::Digest(digest) => f.pad(digest.as_str()),
        }
    }
}

/// The registry host of a repository, e.g. `registry.example:5000` for `registry.example:5000/team/web`, or `docker.io`
/// if the repository names no host. As in Docker, the first part is a host if it has a dot or a colon, or is
/// `localhost`.
pub fn registry_host(repository: &str) -> &str {
    match repository.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(tag: &str, fill: char) -> Version {
        Version {
            repository: "r/web".into(),
            tag: Some(tag.into()),
            digest: format!("sha256:{}", fill.to_string().repeat(64))
                .parse()
                .expect("a digest"),
            labels: ImageLabels::default(),
        }
    }

    #[test]
    fn the_digest_is_the_identity() {
        assert_eq!(version("1", 'a'), version("2", 'a'));
        assert_ne!(version("1", 'a'), version("1", 'b'));
    }

    #[test]
    fn a_build_time_before_the_first_images_is_ignored() {
        let built_at = |created: &str| {
            let created = Some(created.to_owned());
            ImageLabels {
                created,
                ..ImageLabels::default()
            }
            .built_at()
        };
        assert!(built_at("2026-11-20T10:00:00.123456789Z").is_some());
        assert!(built_at("2026-11-20T10:00:00+01:00").is_some());
        for none in [
            "1970-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "yesterday",
            "",
        ] {
            assert_eq!(built_at(none), None, "{none}");
        }
    }

    #[test]
    fn a_reference_is_a_tag_or_a_digest() {
        assert_eq!("1.9.0".parse(), Ok(VersionRef::Tag("1.9.0".into())));
        assert!(matches!(
            format!("sha256:{}", "0".repeat(64)).parse(),
            Ok(VersionRef::Digest(_))
        ));
        for bad in ["", "-1", "a b", "a/b", "a:b", "sha256:12", "é", "a;b"] {
            assert!(bad.parse::<VersionRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_registry_of_a_repository_is_found_as_engines_find_it() {
        for (repository, host) in [
            ("registry.example/team/web", "registry.example"),
            ("127.0.0.1:5000/web", "127.0.0.1:5000"),
            ("localhost/web", "localhost"),
            ("team/web", "docker.io"),
            ("web", "docker.io"),
        ] {
            assert_eq!(registry_host(repository), host);
        }
    }
}
