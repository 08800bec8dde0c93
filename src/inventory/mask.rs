//! Takes secrets out of what a server says: one that refuses a request may repeat all of it. A secret is found as it is,
//! escaped for a URL or for JSON, and inside of base64, as a password in an `Authorization` header is.

/// What is shown in the place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// Shorter secrets are left in: they would be found in half of all words.
const SHORTEST: usize = 4;

/// The most letters of a short word.
const WORD: usize = 5;

/// Shorter bodies are left in, likewise.
const BODY: usize = 8;

/// The texts that are taken out. `Debug` does not show them.
#[derive(Clone, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Hides these secrets.
    pub fn of<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref().trim();
            let decoded = from_url(secret);
            // Of `Bearer …` and `Basic …` the second word alone is as good as the whole.
            let last = secret.rsplit(' ').next().unwrap_or_default();
            for text in [secret, last, &decoded].into_iter().chain(secret.lines()) {
                if text.len() >= SHORTEST {
                    forms.extend(forms_of(text));
                }
            }
        }
        // The longest first: what is left of it would be no form of it any more.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms)
    }

    /// Hides a body that was sent as well, where that is no mere word. Only the whole of it: its words and lines are in
    /// other texts too.
    #[must_use]
    pub fn and(&self, body: Option<&str>) -> Self {
        let body = body.map(str::trim).filter(|body| body.len() >= BODY);
        let mut both = body.map(forms_of).unwrap_or_default();
        both.extend(self.0.iter().cloned());
        Self(both)
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without the secrets, and without the beginning of one where it was cut and ends with `…`.
    pub fn hide(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for form in &self.0 {
            if shown.contains(form.as_str()) {
                shown = shown.replace(form.as_str(), HIDDEN);
            }
        }
        let whole = shown.trim_end_matches('…');
        if whole.len() == shown.len() {
            return shown;
        }
        let begun = self.0.iter().filter_map(|form| begun(whole, form)).max();
        if let Some(length) = begun {
            let rest = &shown[whole.len()..];
            shown = format!("{}{HIDDEN}{rest}", &whole[..whole.len() - length]);
        }
        shown
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({} texts)", self.0.len())
    }
}

/// Whether a text is a short word, such as `true` or `prod`: what only the name of a setting lets take for a secret. It
/// would be hidden in half of all sentences.
pub fn is_word(text: &str) -> bool {
    text.len() <= WORD && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// How long the beginning of `form` is that `text` ends with.
fn begun(text: &str, form: &str) -> Option<usize> {
    let ends = form.char_indices().map(|(at, _)| at);
    ends.filter(|at| *at >= SHORTEST)
        .filter(|at| text.ends_with(&form[..*at]))
        .max()
}

fn forms_of(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), escaped_for_url(secret)];
    forms.push(escaped_for_url(secret).replace("%20", "+"));
    forms.push(in_small_letters(&escaped_for_url(secret)));
    // Error pages repeat what they were sent as HTML.
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    forms.push(html.replace('"', "&quot;").replace('\'', "&#39;"));
    forms.push(html.replace('"', "&#34;").replace('\'', "&#x27;"));
    forms.push(html);
    if let Ok(json) = serde_json::to_string(secret) {
        forms.push(json.trim_matches('"').to_owned());
    }
    for before in 0..3 {
        let text = inside_base64(secret.as_bytes(), before);
        if text.len() > SHORTEST {
            forms.push(text.replace('+', "-").replace('/', "_"));
            forms.push(text);
        }
    }
    forms
}

/// The text as a value in the query of a URL.
pub fn escaped_for_url(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            for half in [byte >> 4, byte & 0xf] {
                escaped.extend(char::from_digit(half.into(), 16).map(|c| c.to_ascii_uppercase()));
            }
        }
    }
    escaped
}

/// The same with its escapes in small letters, `%2f`.
fn in_small_letters(escaped: &str) -> String {
    let mut parts = escaped.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut text, part| {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        text.push('%');
        text.push_str(&code.to_ascii_lowercase());
        text.push_str(rest);
        text
    })
}

/// A part of a URL without its escapes.
fn from_url(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_default()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What base64 makes of `bytes` where so many other bytes are before it, without the characters that it shares with its
/// neighbours.
fn inside_base64(bytes: &[u8], before: usize) -> String {
    let mut all = vec![0; before];
    all.extend_from_slice(bytes);
    let first = (before * 8).div_ceil(6);
    let end = all.len() * 8 / 6;
    let sextet = |index: usize| {
        let bit = index * 6;
        let high = u16::from(all.get(bit / 8).copied().unwrap_or_default());
        let low = u16::from(all.get(bit / 8 + 1).copied().unwrap_or_default());
        usize::from(((high << 8 | low) >> (10 - bit % 8)) & 0x3f)
    };
    (first..end)
        .map(|index| char::from(ALPHABET[sextet(index)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cret/p+ss \"w\"ord";

    fn hidden(text: &str) -> String {
        Mask::of([SECRET]).hide(text)
    }

    #[test]
    fn a_secret_is_found_as_it_is_and_escaped() {
        for form in [
            SECRET,
            "s3cret%2Fp%2Bss%20%22w%22ord",
            "s3cret%2Fp%2Bss+%22w%22ord",
            "s3cret/p+ss \\\"w\\\"ord",
            "s3cret%2fp%2bss%20%22w%22ord",
            "s3cret/p+ss &quot;w&quot;ord",
        ] {
            assert_eq!(
                hidden(&format!("before {form} after")),
                "before (hidden) after"
            );
        }
        assert_eq!(hidden("nothing of it"), "nothing of it");
    }

    #[test]
    fn a_secret_is_found_inside_of_base64() {
        // echo -n 'ana:s3cret…' | base64, with a user of each length.
        for packed in [
            "YW5hOnMzY3JldC9wK3NzICJ3Im9yZA==",
            "YW5hYTpzM2NyZXQvcCtzcyAidyJvcmQ=",
            "YW5hYWE6czNjcmV0L3Arc3MgIncib3Jk",
        ] {
            let shown = hidden(packed);
            // A character on each side is shared with what is no secret.
            assert!(shown.contains(HIDDEN), "{packed}: {shown}");
            assert!(shown.len() <= 8 + HIDDEN.len() + 4, "{packed}: {shown}");
        }
    }

    #[test]
    fn a_secret_that_was_cut_is_hidden_to_its_last_character() {
        assert_eq!(hidden("it says s3cret/p…"), "it says (hidden)…");
        assert_eq!(hidden("it says s3cre…"), "it says (hidden)…");
        assert_eq!(hidden("it says s3…"), "it says s3…");
    }

    #[test]
    fn a_scheme_does_not_keep_a_token_in_sight() {
        let mask = Mask::of(["Bearer hunter2-hunter2"]);
        assert_eq!(
            mask.hide("token hunter2-hunter2 expired"),
            "token (hidden) expired"
        );
        assert!(!format!("{mask:?}").contains("hunter2"));
    }

    #[test]
    fn a_text_that_was_not_cut_keeps_its_last_word() {
        let mask = Mask::of(["Bearer hunter2-hunter2"]);
        for text in ["the scheme has to be Bearer", "use Basic or Bearer"] {
            assert_eq!(mask.hide(text), text);
        }
    }

    #[test]
    fn of_a_body_only_the_whole_is_hidden() {
        let mask = Mask::default().and(Some("{\"id\": 1234}\nname: web\n"));
        for text in ["{\"a\": 1234}", "name: web"] {
            assert_eq!(mask.hide(text), text);
        }
        let shown = mask.hide("not this: {\"id\": 1234}\nname: web.");
        assert_eq!(shown, "not this: (hidden).");
    }

    #[test]
    fn a_short_word_is_no_secret_by_its_name_alone() {
        for text in ["true", "none", "prod", "off", ""] {
            assert!(is_word(text), "{text}");
        }
        for text in ["sesame", "1234", "ab1", "p@ss"] {
            assert!(!is_word(text), "{text}");
        }
    }

    #[test]
    fn a_short_secret_hides_no_words() {
        assert_eq!(Mask::of(["on", ""]).hide("a connection"), "a connection");
    }
}
