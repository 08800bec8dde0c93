//! The views of a text in which a mask searches for secrets. A view is the text without escapes, in one letter case,
//! and without characters that a terminal drops or that are invisible. A view has the place of each of its characters
//! in the text.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use unicode_width::UnicodeWidthChar as _;

/// The length of the longest escape of one character, `&#x10ffff;`.
const LONGEST_ESCAPE: usize = 10;

/// A character with its place in the searched text.
type Placed = (char, Range<usize>);

/// One way to read the searched text.
pub(super) struct View {
    /// The characters in one letter case, without those that [`is_significant`] excludes.
    text: String,
    /// The place of each byte of `text` in the searched text.
    places: Vec<Range<usize>>,
}

/// Undoes one kind of escape. None if the text has no such escape.
type Decode = fn(&[Placed]) -> Option<Vec<Placed>>;

/// The decoders, each with the character that starts its escapes. Most lines contain none of these characters.
const DECODERS: [(char, Decode); 3] = [
    ('%', |text| decode(text, url_escape)),
    ('\\', |text| decode(text, json_escape)),
    ('&', |text| decode(text, html_escape)),
];

/// Calls `look` with every view of the text: the unchanged text, and the text without the escapes of a URL, of JSON and
/// of HTML. Up to two levels of escapes are undone, e.g. a URL in JSON, or a URL that was escaped twice.
pub(super) fn each_view(text: &str, look: &mut impl FnMut(&View)) {
    let significant = text.char_indices().filter(|(_, c)| is_significant(*c));
    let plain: Vec<Placed> = significant
        .map(|(at, c)| (c, at..at + c.len_utf8()))
        .collect();
    each_reading(&plain, 2, look);
}

fn each_reading(reading: &[Placed], depth: usize, look: &mut impl FnMut(&View)) {
    look(&View::of(reading));
    if depth == 0 {
        return;
    }
    for (sign, decode) in DECODERS {
        if reading.iter().any(|(c, _)| *c == sign)
            && let Some(decoded) = decode(reading)
        {
            each_reading(&decoded, depth - 1, look);
        }
    }
}

/// The text in one letter case, without the characters that [`is_significant`] excludes.
pub(super) fn folded(text: &str) -> String {
    text.chars().flat_map(fold).collect()
}

/// Converts to upper case first, so that `ß` and `SS` become the same.
fn fold(c: char) -> impl Iterator<Item = char> {
    let c = is_significant(c).then_some(c).into_iter();
    c.flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Whether a character can distinguish a secret from another text. White space, control characters, combining marks and
/// the replacement of invisible characters cannot.
fn is_significant(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    !c.is_whitespace() && c != '\u{fffd}' && c.width().is_some_and(|width| width > 0)
}

impl View {
    fn of(reading: &[Placed]) -> Self {
        let mut view = Self {
            text: String::with_capacity(reading.len()),
            places: Vec::with_capacity(reading.len()),
        };
        for (c, place) in reading {
            // Nearly all characters of a log are in this range. The result is the same as below, but faster.
            if c.is_ascii_graphic() {
                view.text.push(c.to_ascii_lowercase());
                view.places.push(place.clone());
                continue;
            }
            for c in fold(*c) {
                view.text.push(c);
                for _ in 0..c.len_utf8() {
                    view.places.push(place.clone());
                }
            }
        }
        view
    }

    /// The places in which the view contains a form.
    pub(super) fn places_of<'a>(&'a self, form: &'a str) -> impl Iterator<Item = Range<usize>> {
        let found = self.text.match_indices(form);
        found.map(|(at, form)| self.places[at].start..self.places[at + form.len() - 1].end)
    }

    /// The places in which the view contains anything that the finder searches for, including overlaps.
    pub(super) fn places_found_by<'a>(
        &'a self,
        finder: &'a AhoCorasick,
    ) -> impl Iterator<Item = Range<usize>> {
        let found = finder.find_overlapping_iter(&self.text);
        found.map(|found| self.places[found.start()].start..self.places[found.end() - 1].end)
    }

    /// The places in which the view contains `word` as a whole word. `text` is the searched text. The text is needed
    /// because white space ends a word, and a view contains no white space.
    pub(super) fn places_of_word<'a>(
        &'a self,
        text: &'a str,
        word: &'a str,
    ) -> impl Iterator<Item = Range<usize>> {
        let found = self.text.match_indices(word);
        found.filter_map(move |(at, word)| {
            let end = at + word.len();
            let place = self.places[at].start..self.places[end - 1].end;
            let before = self.text[..at].chars().next_back();
            let after = self.text[end..].chars().next();
            // If the view left out characters between two neighbours, the places of the neighbours do not touch. Then a
            // word ends between them.
            let is_cut_off = |between: &str| !between.is_empty();
            let starts_word = before.is_none_or(|c| !c.is_alphanumeric())
                || text
                    .get(self.places[at - 1].end..place.start)
                    .is_none_or(is_cut_off);
            let ends_word = after.is_none_or(|c| !c.is_alphanumeric())
                || text
                    .get(place.end..self.places[end].start)
                    .is_none_or(is_cut_off);
            (starts_word && ends_word).then_some(place)
        })
    }

    /// The places in which a form was cut: at least `shortest` bytes from the beginning of the form, followed by `…`.
    /// The cut may be in the middle of an escape.
    pub(super) fn places_of_cut(&self, forms: &[String], shortest: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if !self.text.contains('…') {
            return found;
        }
        for form in forms {
            let prefix_lengths = prefix_lengths(form.as_bytes(), self.text.as_bytes());
            for (cut, _) in self.text.match_indices('…') {
                let ends = std::iter::once(cut).chain(open_escapes(&self.text[..cut]));
                let longest = ends
                    .filter(|end| prefix_lengths[*end] >= shortest)
                    .map(|end| end - prefix_lengths[end]);
                if let Some(start) = longest.min() {
                    found.push(self.places[start].start..self.places[cut].start);
                }
            }
        }
        found
    }
}

/// For each position in `text`, including its end: the length of the longest beginning of `form` that ends at this
/// position. The search takes one pass (Knuth, Morris and Pratt), because a server may send a text with any number of
/// `…`.
fn prefix_lengths(form: &[u8], text: &[u8]) -> Vec<usize> {
    let next = |borders: &[usize], mut length: usize, byte: u8| {
        while length > 0 && form.get(length) != Some(&byte) {
            length = borders[length - 1];
        }
        length + usize::from(form.get(length) == Some(&byte))
    };
    let mut borders = vec![0; form.len()];
    for at in 1..form.len() {
        borders[at] = next(&borders, borders[at - 1], form[at]);
    }
    let mut lengths = vec![0];
    for byte in text {
        let length = *lengths.last().unwrap_or(&0);
        lengths.push(next(&borders, length, *byte));
    }
    lengths
}

/// The positions of the signs that start an escape, near the end of the text. The end of the text may have cut off one
/// of these escapes.
fn open_escapes(text: &str) -> impl Iterator<Item = usize> {
    let signs = text.char_indices().rev().take(LONGEST_ESCAPE);
    signs
        .filter(|(_, c)| matches!(c, '%' | '\\' | '&'))
        .map(|(at, _)| at)
}

/// Reads the escape at the beginning of a text. Returns what it encodes, and its length in characters.
type Escape = fn(&[Placed]) -> Option<(Unescaped, usize)>;

/// What one escape encodes. Some escapes encode a whole character, others a part of a character.
enum Unescaped {
    Char(char),
    /// One byte of UTF-8.
    Byte(u8),
    /// One unit of UTF-16.
    Unit(u16),
}

fn decode(text: &[Placed], escape: Escape) -> Option<Vec<Placed>> {
    let mut decoded = Vec::with_capacity(text.len());
    let (mut bytes, mut units) = (Vec::new(), Vec::new());
    let mut is_changed = false;
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let found = escape(rest);
        let length = found.as_ref().map_or(1, |(_, length)| *length);
        let place = first.1.start..rest[length - 1].1.end;
        is_changed |= found.is_some();
        match found.map(|(unescaped, _)| unescaped) {
            Some(Unescaped::Byte(byte)) => {
                end_units(&mut units, &mut decoded);
                bytes.push((byte, place));
            }
            Some(Unescaped::Unit(unit)) => {
                end_bytes(&mut bytes, &mut decoded);
                units.push((unit, place));
            }
            other => {
                end_bytes(&mut bytes, &mut decoded);
                end_units(&mut units, &mut decoded);
                let c = match other {
                    Some(Unescaped::Char(c)) => c,
                    _ => first.0,
                };
                decoded.push((c, place));
            }
        }
        rest = if length == 1 { after } else { &rest[length..] };
    }
    end_bytes(&mut bytes, &mut decoded);
    end_units(&mut units, &mut decoded);
    is_changed.then_some(decoded)
}

/// Makes characters from escaped UTF-8 bytes that follow each other.
fn end_bytes(bytes: &mut Vec<(u8, Range<usize>)>, decoded: &mut Vec<Placed>) {
    let raw: Vec<u8> = bytes.iter().map(|(byte, _)| *byte).collect();
    let mut at = 0;
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            let last = at + c.len_utf8() - 1;
            decoded.push((c, bytes[at].1.start..bytes[last].1.end));
            at = last + 1;
        }
        at += chunk.invalid().len();
    }
    bytes.clear();
}

/// Makes characters from escaped UTF-16 units that follow each other.
fn end_units(units: &mut Vec<(u16, Range<usize>)>, decoded: &mut Vec<Placed>) {
    let mut at = 0;
    for c in char::decode_utf16(units.iter().map(|(unit, _)| *unit)) {
        let c = c.unwrap_or('\u{fffd}');
        let last = at + c.len_utf16() - 1;
        decoded.push((c, units[at].1.start..units[last].1.end));
        at = last + 1;
    }
    units.clear();
}

/// Reads an escape of a URL: `%2F`.
fn url_escape(text: &[Placed]) -> Option<(Unescaped, usize)> {
    let code = hexadecimal(after(text, "%")?, 2)?;
    Some((Unescaped::Byte(u8::try_from(code).ok()?), 3))
}

/// Reads an escape of JSON, e.g. `\"`, `\n` or `\u002f`, or of another language, e.g. `\x2f` or `\u{2f}`.
fn json_escape(text: &[Placed]) -> Option<(Unescaped, usize)> {
    let rest = after(text, "\\")?;
    let (kind, digits) = rest.split_first()?;
    match kind.0 {
        'u' if digits.first()?.0 == '{' => {
            let length = digits.iter().take(8).position(|(c, _)| *c == '}')?;
            let code = hexadecimal(&digits[1..], length - 1)?;
            Some((Unescaped::Char(char::from_u32(code)?), length + 3))
        }
        'u' => {
            let code = hexadecimal(digits, 4)?;
            Some((Unescaped::Unit(u16::try_from(code).ok()?), 6))
        }
        'x' => {
            let code = hexadecimal(digits, 2)?;
            Some((Unescaped::Byte(u8::try_from(code).ok()?), 4))
        }
        'n' | 'r' | 't' | 'b' | 'f' | '0' => Some((Unescaped::Char(' '), 2)),
        c if c.is_ascii_punctuation() => Some((Unescaped::Char(c), 2)),
        _ => None,
    }
}

/// Reads an escape of HTML: `&amp;`, `&#39;` or `&#x27;`.
fn html_escape(text: &[Placed]) -> Option<(Unescaped, usize)> {
    let rest = after(text, "&")?;
    let length = rest
        .iter()
        .take(LONGEST_ESCAPE)
        .position(|(c, _)| *c == ';')?;
    let name: String = rest[..length].iter().map(|(c, _)| *c).collect();
    let c = match name.to_ascii_lowercase().as_str() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((Unescaped::Char(c), length + 2))
}

fn after<'a>(text: &'a [Placed], sign: &str) -> Option<&'a [Placed]> {
    let (first, rest) = text.split_first()?;
    sign.starts_with(first.0).then_some(rest)
}

fn hexadecimal(text: &[Placed], digits: usize) -> Option<u32> {
    let digits = text.get(..digits).filter(|digits| !digits.is_empty())?;
    digits.iter().try_fold(0_u32, |code, (c, _)| {
        Some(code.checked_mul(16)? + c.to_digit(16)?)
    })
}
