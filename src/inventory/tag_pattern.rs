//! A pattern that says which tags a target follows.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest tag that the OCI distribution specification allows.
pub(super) const LONGEST_TAG: usize = 128;

/// A pattern of tags: a tag in which each `*` stands for any text, even an empty one. `v*` matches `v1.9.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("format" = "tag-pattern"))]
pub struct TagPattern(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a pattern of tags: write a tag of letters, digits, `.`, `_` and `-`, with `*` for any text, e.g. `develop` or `v*`"
)]
pub struct InvalidTagPattern(String);

impl TagPattern {
    pub fn matches(&self, tag: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = tag.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = rest.split_at(at + part.len()).1;
        }
        rest.ends_with(last)
    }

    /// The only tag that the pattern matches; none if it matches several.
    pub fn tag(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the OCI distribution specification allows this tag.
pub fn is_tag(text: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
    let mut bytes = text.bytes();
    text.len() <= LONGEST_TAG
        && bytes
            .next()
            .is_some_and(|c| c.is_ascii_alphanumeric() || c == b'_')
        && bytes.all(is_inner)
}

impl FromStr for TagPattern {
    type Err = InvalidTagPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A star may stand for any text, also for the first character of a tag.
        if is_tag(&text.replace('*', "x")) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTagPattern(text.to_owned()))
        }
    }
}

impl TryFrom<String> for TagPattern {
    type Error = InvalidTagPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TagPattern> for String {
    fn from(pattern: TagPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, matching, others) in [
            (
                "develop",
                &["develop"][..],
                &["develop-2", "my-develop", ""][..],
            ),
            ("v*", &["v", "v1.9.0"], &["1.9.0", "av1"]),
            ("*-rc", &["-rc", "1.9-rc"], &["1.9-rc.1"]),
            ("v*.*-rc*", &["v1.9-rc", "v1.9-rc2"], &["v1-rc", "v1.9"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("*", &["anything"], &[]),
        ] {
            let pattern: TagPattern = pattern.parse().expect("a pattern");
            for tag in matching {
                assert!(pattern.matches(tag), "{pattern} {tag}");
            }
            for tag in others {
                assert!(!pattern.matches(tag), "{pattern} {tag}");
            }
        }
    }

    #[test]
    fn a_pattern_is_a_tag_with_stars() {
        for valid in ["develop", "v*", "*", "_x", "1.9.0-rc.1"] {
            assert!(valid.parse::<TagPattern>().is_ok(), "{valid}");
        }
        let long = "x".repeat(LONGEST_TAG + 1);
        for invalid in ["", "-x", ".x", "a b", "a/b", "v?", "sha256:1", &long] {
            assert!(invalid.parse::<TagPattern>().is_err(), "{invalid}");
        }
    }
}
