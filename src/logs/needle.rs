//! A search text. It is literal, not a pattern. Upper and lower case are the same unless the search text has a capital.

use std::ops::Range;

/// A search text, which is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    text: String,
    case: Case,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The text has a capital, so case matters.
    Exact,
    /// The text is ASCII without a capital, so bytes are compared.
    Ascii,
    /// The text has other characters and no capital, so characters are compared.
    Any,
}

impl Needle {
    /// The search text that was typed. None if nothing was typed.
    pub fn new(typed: &str) -> Option<Self> {
        if typed.is_empty() {
            return None;
        }
        let case = if typed.chars().any(char::is_uppercase) {
            Case::Exact
        } else if typed.is_ascii() {
            Case::Ascii
        } else {
            Case::Any
        };
        Some(Self {
            text: typed.to_owned(),
            case,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_in(&self, text: &str) -> bool {
        self.next(text, 0).is_some()
    }

    /// The positions of the search text in `text`, from left to right, without overlaps.
    pub fn places(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let place = self.next(text, from)?;
            from = place.end;
            Some(place)
        })
    }

    fn next(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let rest = text.get(from..)?;
        let place = match self.case {
            Case::Exact => rest.find(&self.text).map(|at| at..at + self.text.len()),
            Case::Ascii => find_ascii(rest.as_bytes(), self.text.as_bytes()),
            Case::Any => rest.char_indices().find_map(|(at, _)| {
                match_length(rest.get(at..)?, &self.text).map(|len| at..at + len)
            }),
        }?;
        Some(from + place.start..from + place.end)
    }
}

/// ASCII bytes never occur inside a longer UTF-8 character, so they can be compared as bytes.
fn find_ascii(text: &[u8], needle: &[u8]) -> Option<Range<usize>> {
    let (first, others) = needle.split_first()?;
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = from + rest.iter().position(|b| *b == lower || *b == upper)?;
        let end = at + needle.len();
        if text.get(at + 1..end)?.eq_ignore_ascii_case(others) {
            return Some(at..end);
        }
        from = at + 1;
    }
}

/// The length in bytes of the match at the start of a text, ignoring case.
fn match_length(text: &str, needle: &str) -> Option<usize> {
    let mut wanted = needle.chars().flat_map(char::to_lowercase).peekable();
    for (at, c) in text.char_indices() {
        for folded in c.to_lowercase() {
            if wanted.next()? != folded {
                return None;
            }
        }
        if wanted.peek().is_none() {
            return Some(at + c.len_utf8());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_matters_only_if_a_capital_was_typed() {
        for (typed, text, found) in [
            ("error", "an ERROR here", true),
            ("Error", "an ERROR here", false),
            ("Error", "an Error here", true),
            ("a.b", "axb", false),
            ("a.b", "xa.b", true),
            ("é", "CAFÉ", true),
            ("É", "café", false),
            ("日本", "say 日本語", true),
            ("aab", "aaab", true),
            ("x", "", false),
        ] {
            let needle = Needle::new(typed).unwrap();
            assert_eq!(needle.is_in(text), found, "{typed} in {text}");
        }
        assert_eq!(Needle::new(""), None);
    }

    #[test]
    fn every_place_is_found_once() {
        let needle = Needle::new("aa").unwrap();
        let places: Vec<_> = needle.places("aaaa éAa").collect();
        assert_eq!(places, [0..2, 2..4, 7..9]);
        let needle = Needle::new("é").unwrap();
        assert_eq!(needle.places("éxÉ").collect::<Vec<_>>(), [0..2, 3..5]);
    }
}
