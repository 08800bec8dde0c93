//! Names of people. Greenroom takes two records to be about the same person if their names have the same key. Invisible
//! characters, letter case and compatibility forms of letters do not change it. The keys of a store contain it in an
//! escaped form, in which different keys stay different.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

use super::Operator;
use crate::sanitize::sanitize;

/// The characters that are escaped in one part of a store's key.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'@')
    .remove(b'.')
    .remove(b'_')
    .remove(b'-');

/// The longest name of an operator, in characters.
const LONGEST_NAME: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    #[error("the name has no visible character")]
    Empty,
    /// The name is too long for keys and records. The number is its length in characters.
    #[error("the name has {0} characters, but at most {LONGEST_NAME} are allowed")]
    TooLong(usize),
}

/// The form of a name in which records keep it: composed, and without invisible characters.
pub fn operator_name(written: &str) -> Result<String, NameRefused> {
    let name = visible(written);
    match name.chars().count() {
        0 => Err(NameRefused::Empty),
        length if length > LONGEST_NAME => Err(NameRefused::TooLong(length)),
        _ => Ok(name),
    }
}

impl Operator {
    /// The key of the person: the same on every machine, and for every spelling of the name.
    pub fn key(&self) -> String {
        let folded: String = visible(&self.name)
            .chars()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .collect();
        visible(&folded)
    }

    /// The key of the person, escaped as one part of a store's key.
    pub fn store_key(&self) -> String {
        key_part(&self.key())
    }

    /// Whether `other` is the same person, possibly on another machine or with another spelling of the name.
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Whether a reader could confuse the two names, e.g. because one letter is from another alphabet.
    pub fn looks_like(&self, other: &Self) -> bool {
        let small = |operator: &Self| skeleton(&operator.key()).collect::<String>();
        // Some letters look alike only as capital letters.
        let large = |operator: &Self| skeleton(&operator.key().to_uppercase()).collect::<String>();
        small(self) == small(other) || large(self) == large(other)
    }
}

/// Escapes a text as one part of a store's key, without loss. Every byte outside plain letters, digits, `@`, `.`, `_`
/// and `-` becomes `%` and two hexadecimal digits.
pub fn key_part(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The text in its composed compatibility form, without invisible characters, and with one blank between words.
fn visible(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text.to_owned();
    }
    let blank = |c: char| if c.is_whitespace() { ' ' } else { c };
    // Characters that a terminal would drop are removed first, because two names must not differ only by these.
    let kept: String = sanitize(text)
        .nfkc()
        .map(blank)
        .filter(|c| !is_invisible(*c))
        .collect();
    // The characters on both sides of a dropped character may compose now.
    let kept: String = kept.nfkc().collect();
    kept.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a reader cannot see or recognize a character: control characters, default-ignorable characters of Unicode
/// (`DerivedCoreProperties.txt`), line and paragraph separators, the blank Braille pattern, characters for private use,
/// the marks of annotations and embedded objects, the replacement that `sanitize` inserts, and everything from U+E0000
/// on.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffd}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Operator {
        Operator {
            name: name.to_owned(),
            host: String::new(),
        }
    }

    #[test]
    fn another_spelling_is_the_same_person() {
        for (first, second) in [
            ("ana", " Ana "),
            ("ana", "an\u{200b}a"),
            ("ana", "a\u{34f}na\u{fe0f}"),
            ("ana", "\u{202e}ana\u{202c}"),
            ("ana", "ana\u{3164}"),
            ("ana", "ana\u{e0041}"),
            ("ana", "an\u{fffd}a"),
            ("ana", "\u{1b}[8ma\u{1b}[0mna"),
            ("ana", "ａｎａ"),
            ("ana maria", "ana \t\u{a0} maria"),
            ("jos\u{e9}", "JOSE\u{301}"),
            ("jos\u{e9}", "jose\u{200d}\u{301}"),
            ("straße", "STRASSE"),
            ("ΑΝΑΣ", "ανας"),
        ] {
            assert!(named(first).is_same_person(&named(second)), "{second:?}");
        }
        for (first, second) in [("ana", "anna"), ("李", "王"), ("ana", "a na")] {
            assert!(!named(first).is_same_person(&named(second)), "{second:?}");
        }
    }

    #[test]
    fn a_letter_of_another_alphabet_looks_the_same() {
        for other in ["\u{430}na", "an\u{430}", "αna", "\u{410}NA", "\u{391}na"] {
            assert!(!named("ana").is_same_person(&named(other)), "{other:?}");
            assert!(named("Ana").looks_like(&named(other)), "{other:?}");
        }
        for (first, second) in [("ana", "ben"), ("李", "王"), ("anna", "ana")] {
            assert!(!named(first).looks_like(&named(second)), "{second:?}");
        }
    }

    #[test]
    fn escaping_a_part_of_a_key_loses_nothing() {
        assert_eq!(key_part("ana@ops-1.x_2"), "ana@ops-1.x_2");
        assert_eq!(key_part("a/b %"), "a%2Fb%20%25");
        assert_eq!(named("李").store_key(), "%E6%9D%8E");
        assert_ne!(named("李").store_key(), named("王").store_key());
        assert_eq!(named("BEN ").store_key(), named("ben").store_key());
    }

    #[test]
    fn a_name_is_visible_and_not_too_long() {
        assert_eq!(operator_name(" an\u{200b}a\n"), Ok("ana".to_owned()));
        assert_eq!(operator_name("\u{200b}\u{2800}"), Err(NameRefused::Empty));
        let long = "李".repeat(LONGEST_NAME);
        assert_eq!(operator_name(&long), Ok(long.clone()));
        assert_eq!(
            operator_name(&format!("{long}王")),
            Err(NameRefused::TooLong(LONGEST_NAME + 1))
        );
    }
}
