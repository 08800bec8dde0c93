//! The errors and warnings of a configuration, one line each. Only this module formats these lines, so that each line
//! is safe to show on a terminal.

use std::fmt;

use serde::Serialize;

use super::origin::Origin;
use crate::sanitize::sanitize;

/// How many characters of the configuration a message quotes at most.
const LONGEST: usize = 200;

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
        if let Some(index) = part.strip_prefix('[') {
            text.push('[');
            text.push_str(index);
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&quoted(part));
    }
    text
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

/// Text of the configuration as a message quotes it, cut after [`LONGEST`] characters. Invisible characters are escaped,
/// so that a key with a hidden character does not look like another key.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        let itself = sanitize(c.encode_utf8(&mut [0; 4])).chars().eq([c]);
        if itself {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    shown
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
    fn only_a_near_word_is_suggested() {
        assert_eq!(nearest("prot", ["port", "socket"]), Some("port"));
        assert_eq!(
            nearest("enviroments", ["environments"]),
            Some("environments")
        );
        assert_eq!(nearest("zzz", ["port", "socket"]), None);
    }
}
