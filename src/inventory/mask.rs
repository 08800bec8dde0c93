//! Takes secrets out of what a server says: one that refuses a request may repeat all of it.
//!
//! A secret is looked for in the text as a terminal shows it, because control characters between its letters are dropped
//! there. So [`Mask::hide`] drops them first, and a caller cannot mask too early. White space, invisible characters and
//! letter case do not tell a secret from its copy. A copy may also be escaped for a URL, for JSON or for HTML, or be
//! in hexadecimal, or in base64, as a password in an `Authorization` header is.

mod forms;
mod view;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use forms::forms_of;
use percent_encoding::percent_decode_str;
use view::each_view;

use crate::harmless::harmless_lines;

/// What is shown in the place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// Shorter secrets are left in: they would be found in half of all words.
const SHORTEST: usize = 4;

/// The most letters of a short word.
const WORD: usize = 5;

/// How much of a text is looked through, in bytes: many times what is shown of one.
const LOOKED_THROUGH: usize = 64 * 1024;

/// Shorter bodies are left in, likewise.
const BODY: usize = 8;

/// The texts that are taken out. `Debug` does not show them. Clones share the forms of the secrets, which are made once.
#[derive(Clone, Default)]
pub struct Mask(Arc<Hidden>);

#[derive(Default)]
struct Hidden {
    texts: Vec<String>,
    /// Made when the first text is looked through: most answers repeat nothing, and few are shown.
    forms: OnceLock<Vec<String>>,
}

impl Mask {
    /// Hides these secrets.
    pub fn of<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Self {
        let mut texts = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref().trim();
            let decoded = percent_decode_str(secret).decode_utf8().unwrap_or_default();
            // Of `Bearer …` and `Basic …` the second word alone is as good as the whole.
            let last = secret.rsplit(' ').next().unwrap_or_default();
            let all = [secret, last, &decoded].into_iter().chain(secret.lines());
            texts.extend(all.filter(|text| text.len() >= SHORTEST).map(str::to_owned));
        }
        Self::hiding(texts)
    }

    /// Hides a body that was sent as well, where that is no mere word. Only the whole of it: its words and lines are in
    /// other texts too.
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

    /// Whether a form of a secret is in the text.
    pub fn is_in(&self, text: &str) -> bool {
        !self.is_empty() && !self.found_in(&harmless_lines(text)).is_empty()
    }

    /// The text as a terminal shows it, without the secrets, and without the beginning of one where the text was cut
    /// and `…` follows. A text of more than 64 KiB is cut there: a server chooses how long it is.
    pub fn hide(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let end = text.floor_char_boundary(LOOKED_THROUGH);
        let mut looked_through = harmless_lines(&text[..end]);
        if end < text.len() {
            looked_through.push('…');
        }
        let text = looked_through;
        let mut shown = String::with_capacity(text.len());
        let mut after = 0;
        for found in self.found_in(&text) {
            // Two forms can overlap: what is left of the second is as secret as the whole.
            if found.start >= after {
                shown.push_str(&text[after..found.start]);
                shown.push_str(HIDDEN);
            }
            after = after.max(found.end);
        }
        shown.push_str(&text[after..]);
        shown
    }

    /// Where secrets are, in order.
    fn found_in(&self, text: &str) -> Vec<Range<usize>> {
        let forms = self.0.forms.get_or_init(|| {
            let mut forms: Vec<String> = self.0.texts.iter().flat_map(|t| forms_of(t)).collect();
            forms.sort();
            forms.dedup();
            forms
        });
        let mut found: Vec<Range<usize>> = Vec::new();
        each_view(text, &mut |view| {
            for form in forms {
                found.extend(view.places_of(form));
            }
            found.extend(view.places_of_cut(forms, SHORTEST));
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

/// Whether a text is a short word, such as `true` or `prod`: what only the name of a setting lets take for a secret. It
/// would be hidden in half of all sentences.
pub fn is_word(text: &str) -> bool {
    text.len() <= WORD && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
