//! Breaks a line into rows of a given width. A break is between characters, never between a character and its combining
//! marks.

use std::ops::Range;

use unicode_width::UnicodeWidthChar as _;

/// The rows of a text, as byte ranges. An empty text is one empty row.
pub fn wrapped(text: &str, columns: usize) -> impl Iterator<Item = Range<usize>> {
    let mut from = Some(0);
    std::iter::from_fn(move || {
        let start = from?;
        let end = start + row(text.get(start..)?, columns);
        from = (end < text.len()).then_some(end);
        Some(start..end)
    })
}

/// How many rows a text takes.
pub fn rows(text: &str, columns: usize) -> usize {
    if text.is_ascii() {
        return text.len().div_ceil(columns.max(1)).max(1);
    }
    wrapped(text, columns).count()
}

/// How many bytes of a text fit in one row: at least one character.
fn row(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let wide = c.width().unwrap_or(0);
        if wide > 0 && at > 0 && used + wide > columns {
            return at;
        }
        used += wide;
    }
    text.len()
}

/// The width, in columns, of the text before a byte.
pub fn columns_before(text: &str, byte: usize) -> usize {
    let before = text.get(..byte).unwrap_or(text);
    if before.is_ascii() {
        before.len()
    } else {
        before.chars().map(|c| c.width().unwrap_or(0)).sum()
    }
}

/// How many columns to leave free at the left, and the visible bytes of a text that is scrolled by `left` columns and
/// `width` columns wide. Columns are left free if a wide character is only half visible.
pub fn slice(text: &str, left: usize, width: usize) -> (usize, Range<usize>) {
    let mut column = 0;
    let mut start = None;
    for (at, c) in text.char_indices() {
        let wide = c.width().unwrap_or(0);
        if start.is_none() && column >= left && (wide > 0 || left == 0) {
            start = Some((at, column - left));
        }
        if wide > 0 && column + wide > left + width {
            let (first, gap) = start.unwrap_or((at, 0));
            return (gap.min(width), first..at);
        }
        column += wide;
    }
    let (first, gap) = start.unwrap_or((text.len(), 0));
    (gap.min(width), first..text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    fn split(text: &str, columns: usize) -> Vec<&str> {
        wrapped(text, columns).map(|row| &text[row]).collect()
    }

    #[test]
    fn rows_break_by_columns_and_keep_marks_with_their_characters() {
        assert_eq!(split("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(split("", 4), [""]);
        assert_eq!(split("日本語x", 4), ["日本", "語x"]);
        assert_eq!(split("a日本", 2), ["a", "日", "本"]);
        assert_eq!(split("abe\u{301}\u{302}c", 3), ["abe\u{301}\u{302}", "c"]);
        assert_eq!(split("日", 1), ["日"]);
    }

    #[test]
    fn a_slice_leaves_room_for_half_a_wide_character() {
        let text = "日本語abc";
        let cut = |left, width| {
            let (gap, range) = slice(text, left, width);
            (gap, &text[range])
        };
        assert_eq!(cut(0, 4), (0, "日本"));
        assert_eq!(cut(1, 4), (1, "本"));
        assert_eq!(cut(6, 9), (0, "abc"));
        assert_eq!(cut(60, 9), (0, ""));
        let marked = "ae\u{301}b";
        let (_, range) = slice(marked, 2, 5);
        assert_eq!(&marked[range], "b");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn rows_lose_nothing_and_are_never_too_wide(
            text in "[a-c日本\u{301}é ]{0,40}",
            columns in 2_usize..9,
        ) {
            let rows: Vec<&str> = split(&text, columns);
            prop_assert_eq!(rows.concat(), text.clone());
            prop_assert!(rows.iter().all(|row| row.width() <= columns));
            prop_assert_eq!(rows.len(), super::rows(&text, columns));
        }
    }
}
