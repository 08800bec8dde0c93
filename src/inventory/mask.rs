//! Removes secrets from texts that servers send. A server that refuses a request may repeat the whole request.
//!
//! The mask searches the text as a terminal shows it, because a terminal drops control characters between the letters
//! of a secret. [`Mask::hide`] drops these characters before it searches, so the caller need not do that first. The
//! search ignores white space, invisible characters and letter case. It also finds a secret that is escaped for a URL,
//! for JSON or for HTML. It finds a secret that is encoded in hexadecimal, in base32, or once or twice in base64, like
//! a password in an `Authorization` header. And it finds a secret that is written backwards, or that has separators
//! between its letters.

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

/// A form of a secret is hidden if it has at least this many bytes. The same limit applies to the beginning of a form
/// that was cut.
const SHORTEST_FORM: usize = 4;

/// A secret with fewer characters than this is hidden only as a whole word, and in no other form, because it would be a
/// part of too many other words.
pub const HIDDEN_ANYWHERE: usize = 6;

/// A secret with fewer bytes than this is not hidden, because such a word appears everywhere.
const SHORTEST_WORD: usize = 3;

/// The most letters of a short word: see [`is_word`].
const LONGEST_SHORT_WORD: usize = 5;

/// A request body with fewer bytes than this is not hidden.
const SHORTEST_BODY: usize = 8;

/// The secrets to hide. `Debug` does not show them. Clones share the forms of the secrets.
#[derive(Clone, Default)]
pub struct Mask(Arc<Hidden>);

#[derive(Default)]
struct Hidden {
    texts: Vec<String>,
    /// Made when the first text is searched, because many masks never search a text.
    forms: OnceLock<SearchedForms>,
}

/// The forms of all secrets that are searched for.
struct SearchedForms {
    /// The forms whose beginning is also hidden if the text was cut inside the form.
    direct: Vec<String>,
    /// Every form of the secrets that are not short.
    all: Vec<String>,
    /// Finds all forms in `all` in one pass; none if there are too many forms.
    finder: Option<AhoCorasick>,
    /// The short secrets, which are hidden only as whole words.
    words: Vec<String>,
}

impl SearchedForms {
    fn of(texts: &[String]) -> Self {
        let is_short = |text: &&String| text.chars().count() < HIDDEN_ANYWHERE;
        let (short, long): (Vec<&String>, Vec<&String>) = texts.iter().partition(is_short);
        let (mut direct, mut all) = (Vec::new(), Vec::new());
        for Forms {
            direct: of_one,
            packed,
        } in long.into_iter().map(|text| forms_of(text))
        {
            all.extend(of_one.iter().cloned().chain(packed));
            direct.extend(of_one);
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
    /// How many bytes of a text are searched at most. Screens show far less.
    pub const SEARCH_LIMIT: usize = 64 * 1024;

    /// Hides the given secrets.
    pub fn of<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Self {
        let mut texts = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref().trim();
            let decoded = percent_decode_str(secret).decode_utf8().unwrap_or_default();
            // In `Bearer …` and `Basic …` the second word alone is secret too.
            let last = secret.rsplit(' ').next().unwrap_or_default();
            let candidates = [secret, last, &decoded].into_iter().chain(secret.lines());
            texts.extend(
                candidates
                    .filter(|text| text.len() >= SHORTEST_WORD)
                    .map(str::to_owned),
            );
        }
        Self::of_texts(texts)
    }

    /// A mask that also hides a request body, if the body is long enough. Only the whole body is hidden, because its
    /// words and lines also appear in other texts.
    #[must_use]
    pub fn with_body(&self, body: Option<&str>) -> Self {
        let mut texts = self.0.texts.clone();
        let body = body
            .map(str::trim)
            .filter(|body| body.len() >= SHORTEST_BODY);
        texts.extend(body.map(str::to_owned));
        Self::of_texts(texts)
    }

    fn of_texts(texts: Vec<String>) -> Self {
        Self(Arc::new(Hidden {
            texts,
            forms: OnceLock::new(),
        }))
    }

    pub fn is_empty(&self) -> bool {
        self.0.texts.is_empty()
    }

    /// Whether [`Mask::hide`] would hide or cut a part of the text. That is, whether the text contains a form of a
    /// secret, or is longer than [`Mask::SEARCH_LIMIT`]. False if there are no secrets to hide.
    pub fn is_in(&self, text: &str) -> bool {
        !self.is_empty()
            && (text.len() > Self::SEARCH_LIMIT || !self.found_in(&as_shown(text)).is_empty())
    }

    /// The text as a terminal shows it, with [`HIDDEN`] in the place of each secret. If the text was cut inside a
    /// secret, so that `…` follows, the beginning of that secret is hidden too. A text that is longer than
    /// [`Mask::SEARCH_LIMIT`] is cut there, because a server may send a text of any length. A mask without secrets
    /// returns the text unchanged: it is neither cut nor freed of control characters.
    pub fn hide(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let end = text.floor_char_boundary(Self::SEARCH_LIMIT);
        let mut searched = as_shown(&text[..end]);
        if end < text.len() {
            searched.to_mut().push('…');
        }
        let text = searched;
        let mut shown = String::with_capacity(text.len());
        let mut after = 0;
        for found in self.found_in(&text) {
            // Two forms can overlap. The end of the second form is secret too.
            if found.start >= after {
                shown.push_str(&text[after..found.start]);
                shown.push_str(HIDDEN);
            }
            after = after.max(found.end);
        }
        shown.push_str(&text[after..]);
        shown
    }

    /// The places in which the text contains secrets, in order.
    fn found_in(&self, text: &str) -> Vec<Range<usize>> {
        let searched = self
            .0
            .forms
            .get_or_init(|| SearchedForms::of(&self.0.texts));
        let mut found: Vec<Range<usize>> = Vec::new();
        each_view(text, &mut |view| {
            if let Some(finder) = &searched.finder {
                found.extend(view.places_found_by(finder));
            } else {
                let places = searched.all.iter().flat_map(|form| view.places_of(form));
                found.extend(places);
            }
            let words = searched.words.iter();
            found.extend(words.flat_map(|word| view.places_of_word(text, word)));
            found.extend(view.places_of_cut(&searched.direct, SHORTEST_FORM));
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

/// The text as a terminal shows it. Most texts are plain ASCII and need no change.
fn as_shown(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(sanitize_lines(text))
}

/// Whether a text is a short word, such as `true` or `prod`. Such a word looks like a secret only because of the name
/// of its setting. Hiding it would change many sentences.
pub fn is_word(text: &str) -> bool {
    text.len() <= LONGEST_SHORT_WORD && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
