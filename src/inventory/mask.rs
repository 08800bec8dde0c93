//! Removes secrets from what a server says. A server that refuses a request may repeat all of it.
//!
//! The mask searches the text as a terminal shows it, because a terminal drops control characters between the letters
//! of a secret. [`Mask::hide`] drops them first, so a caller cannot mask too early. White space, invisible characters
//! and letter case do not tell a secret from its copy. A copy may also be escaped for a URL, for JSON or for HTML; be
//! in hexadecimal, in base32, or in base64 once or twice, like a password in an `Authorization` header; be written
//! backwards; or have separators between its letters.

mod forms;
mod view;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aho_corasick::AhoCorasick;
use forms::{Forms, forms_of};
use percent_encoding::percent_decode_str;
use view::{each_view, folded};

use crate::sanitize::sanitize_lines;

/// The text that replaces a secret.
pub const HIDDEN: &str = "(hidden)";

/// A beginning or form of a secret with fewer bytes is not hidden.
const SHORTEST: usize = 4;

/// Secrets of fewer characters are hidden only as whole words, and in no other form: they would match inside half of
/// all words.
pub const HIDDEN_ANYWHERE: usize = 6;

/// Shorter secrets are not hidden: a letter or two say nothing, and appear as whole words everywhere.
const SHORTEST_WORD: usize = 3;

/// The most letters of a short word.
const WORD: usize = 5;

/// Shorter request bodies are not hidden either.
const BODY: usize = 8;

/// The secrets to hide. `Debug` does not show them. Clones share the forms of the secrets, which are made once.
#[derive(Clone, Default)]
pub struct Mask(Arc<Hidden>);

#[derive(Default)]
struct Hidden {
    texts: Vec<String>,
    /// Made when the first text is searched: most answers repeat no secret, and few are shown.
    forms: OnceLock<Sought>,
}

/// The forms that are searched for.
struct Sought {
    direct: Vec<String>,
    /// Every form that is searched for as a whole.
    all: Vec<String>,
    /// Finds all of these in one pass; none if there are too many.
    finder: Option<AhoCorasick>,
    /// The secrets that are hidden only as a whole word.
    words: Vec<String>,
}

impl Sought {
    fn of(texts: &[String]) -> Self {
        let is_short = |text: &&String| text.chars().count() < HIDDEN_ANYWHERE;
        let (short, long): (Vec<&String>, Vec<&String>) = texts.iter().partition(is_short);
        let (mut direct, mut all) = (Vec::new(), Vec::new());
        for Forms {
            direct: some,
            packed,
        } in long.into_iter().map(|text| forms_of(text))
        {
            all.extend(some.iter().cloned().chain(packed));
            direct.extend(some);
        }
        let mut words: Vec<String> = short.into_iter().map(|text| folded(text)).collect();
        words.retain(|word| word.len() >= SHORTEST_WORD);
        for list in [&mut direct, &mut all, &mut words] {
            list.sort();
            list.dedup();
        }
        Self {
            finder: AhoCorasick::new(&all).ok(),
            direct,
            all,
            words,
        }
    }
}

impl Mask {
    /// How much of a text is searched, in bytes. Screens show far less.
    pub const LOOKED_THROUGH: usize = 64 * 1024;

    /// Hides these secrets.
    pub fn of<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Self {
        let mut texts = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref().trim();
            let decoded = percent_decode_str(secret).decode_utf8().unwrap_or_default();
            // In `Bearer …` and `Basic …` the second word alone is as secret as the whole.
            let last = secret.rsplit(' ').next().unwrap_or_default();
            let all = [secret, last, &decoded].into_iter().chain(secret.lines());
            texts.extend(
                all.filter(|text| text.len() >= SHORTEST_WORD)
                    .map(str::to_owned),
            );
        }
        Self::hiding(texts)
    }

    /// Also hides a request body, if it is longer than a word. Only the whole body: other texts also contain its words
    /// and lines.
    #[must_use]
    pub fn and(&self, body: Option<&str>) -> Self {
        let mut texts = self.0.texts.clone();
        let body = body.map(str::trim).filter(|body| body.len() >= BODY);
        texts.extend(body.map(str::to_owned));
        Self::hiding(texts)
    }

    fn hiding(texts: Vec<String>) -> Self {
        Self(Arc::new(Hidden {
            texts,
            forms: OnceLock::new(),
        }))
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.texts.is_empty()
    }

    /// Whether the text contains a form of a secret. A text of more than 64 KiB is not searched and counts as containing
    /// one: [`Mask::hide`] cuts it.
    pub fn is_in(&self, text: &str) -> bool {
        !self.is_empty()
            && (text.len() > Self::LOOKED_THROUGH || !self.found_in(&as_shown(text)).is_empty())
    }

    /// The text as a terminal shows it, without the secrets, and without the beginning of one where the text was cut
    /// and `…` follows. A text of more than 64 KiB is cut there, because the server chooses its length.
    pub fn hide(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let end = text.floor_char_boundary(Self::LOOKED_THROUGH);
        let mut looked_through = as_shown(&text[..end]);
        if end < text.len() {
            looked_through.to_mut().push('…');
        }
        let text = looked_through;
        let mut shown = String::with_capacity(text.len());
        let mut after = 0;
        for found in self.found_in(&text) {
            // Two forms can overlap: the rest of the second is as secret as the whole.
            if found.start >= after {
                shown.push_str(&text[after..found.start]);
                shown.push_str(HIDDEN);
            }
            after = after.max(found.end);
        }
        shown.push_str(&text[after..]);
        shown
    }

    /// Where the text contains secrets, in order.
    fn found_in(&self, text: &str) -> Vec<Range<usize>> {
        let sought = self.0.forms.get_or_init(|| Sought::of(&self.0.texts));
        let mut found: Vec<Range<usize>> = Vec::new();
        each_view(text, &mut |view| {
            if let Some(finder) = &sought.finder {
                found.extend(view.places_found_by(finder));
            } else {
                let places = sought.all.iter().flat_map(|form| view.places_of(form));
                found.extend(places);
            }
            let words = sought.words.iter();
            found.extend(words.flat_map(|word| view.places_of_word(text, word)));
            found.extend(view.places_of_cut(&sought.direct, SHORTEST));
        });
        found.sort_by_key(|place| (place.start, place.end));
        found
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({} texts)", self.0.texts.len())
    }
}

/// The text as a terminal shows it. Most are plain, and shown as they are.
fn as_shown(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(sanitize_lines(text))
}

/// Whether a text is a short word, such as `true` or `prod`, that looks like a secret only because of its setting's
/// name. Hiding it would change half of all sentences.
pub fn is_word(text: &str) -> bool {
    text.len() <= WORD && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
