//! The errors and warnings of a configuration, one line each. Only this module formats these lines, so that each line
//! is safe to show on a terminal.

use std::fmt;

use serde::Serialize;

use super::origin::Origin;
use crate::inventory::units::InvalidAmount;
use crate::sanitize::{sanitize, visible};

/// An error or warning: `greenroom.toml:12:5: services.web.prot: unknown
/// key `prot`; did you mean `port`?`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where the value was written; built-in for the count of errors that are not listed.
    pub origin: Origin,
    /// The key, e.g. `services.web.image`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what to do.
    pub says: String,
}

impl Problem {
    /// Makes a problem that is safe to show.
    pub(super) fn new(origin: Origin, path: &[String], says: impl AsRef<str>) -> Self {
        Self {
            origin,
            key: dotted(path),
            says: sanitize(says.as_ref()),
        }
    }
}

/// What is wrong with a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct WrongValue(pub(super) String);

impl From<InvalidAmount> for WrongValue {
    fn from(error: InvalidAmount) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only the count of errors that are not listed has no place in a layer.
        if self.origin != Origin::BuiltIn {
            write!(f, "{}: ", self.origin)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.says)
    }
}

/// The errors and warnings of a configuration that cannot be used. Display writes the errors, one per line, without the
/// warnings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// The errors, in the order of the file.
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A path as a key of the file, quoted where needed.
pub(super) fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if is_index(part) {
            text.push_str(part);
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&quoted(part));
    }
    text
}

/// Whether a part of a path is the index of a list, such as `[0]`. A key of the file may also start with a bracket.
fn is_index(part: &str) -> bool {
    let index = part.strip_prefix('[');
    let index = index.and_then(|part| part.strip_suffix(']'));
    index.is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit()))
}

/// One key, quoted unless it is bare.
fn quoted(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare {
        key.to_owned()
    } else {
        format!("\"{}\"", visible(key).replace('"', "\\\""))
    }
}

/// The known word that was probably meant, if one is similar to `wrong`.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let short: String = wrong.chars().take(60).collect();
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&short, word), word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).clamp(1, 3))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_bare_is_quoted_and_escaped() {
        let path = ["services", "we\u{1b}[31mb\"", "checks", "[2]", "name"].map(str::to_owned);
        assert_eq!(
            dotted(&path),
            "services.\"we\\u{1b}[31mb\\\"\".checks[2].name"
        );
    }

    #[test]
    fn a_key_that_starts_like_an_index_is_quoted_and_escaped() {
        for (key, shown) in [("[\0", "\"[\\u{0}\""), ("[0", "\"[0\""), ("[a]", "\"[a]\"")] {
            let path = ["services", key].map(str::to_owned);
            assert_eq!(dotted(&path), format!("services.{shown}"));
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(nearest("prot", ["port", "socket"]), Some("port"));
        assert_eq!(
            nearest("enviroments", ["environments"]),
            Some("environments")
        );
        assert_eq!(nearest("zzz", ["port", "socket"]), None);
    }
}
