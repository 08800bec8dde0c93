//! Text for the screen: cut and padded to columns, wrapped at spaces, and times in short forms. Text from outside
//! is sanitized once more before the terminal gets it.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::console::theme::{Glyph, Theme};
use crate::inventory::local_time;

/// Sanitizes text from outside. Such text was already sanitized where it entered the crate. Sanitizing again is a
/// safeguard, and costs almost nothing for plain ASCII.
pub(in crate::console) fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(crate::sanitize::sanitize(text))
    }
}

/// The columns that a text takes on the screen.
pub(in crate::console) fn width(text: &str) -> usize {
    text.width()
}

/// At most `columns` of a text. A text that is cut ends with the theme's mark for more text.
pub(in crate::console) fn cut(text: &str, columns: usize, theme: &Theme) -> String {
    let text = clean(text);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept.push_str(theme.glyph(Glyph::More));
    kept
}

/// Exactly `columns` of a text: cut, or padded with spaces.
pub(in crate::console) fn pad(text: &str, columns: usize, theme: &Theme) -> String {
    let mut text = cut(text, columns, theme);
    let missing = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// Wraps a text into lines of at most `columns`, at spaces if possible. Lines after the first start with
/// `indent` spaces.
pub(in crate::console) fn wrap(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let text = clean(text);
    let columns = columns.max(1);
    let indent = if indent * 2 < columns { indent } else { 0 };
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let wide = width(word.trim_end_matches(' '));
        let started = if lines.is_empty() { 0 } else { indent };
        if used > started && used + wide > columns {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
            line.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > columns && c != ' ' {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                line.extend(std::iter::repeat_n(' ', indent));
                used = indent;
            }
            line.push(c);
            used += wide;
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Whole seconds from one moment to another, never negative.
pub(in crate::console) fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second().saturating_sub(from.as_second())).unwrap_or(0)
}

/// A time that counts up or down: `0:52`, `12:04`, `3:00:07`.
pub(in crate::console) fn clock(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{minutes}:{rest:02}")
    }
}

/// A duration without its smaller units: `48s`, `12m`, `4h 10m`, `12d 4h`.
pub(in crate::console) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// How long ago something was, without seconds, because a quiet screen is drawn only once a minute.
pub(in crate::console) fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => "just now".to_owned(),
        _ => format!("{} ago", age(seconds)),
    }
}

/// How long something took: `12ms`, `4.1s`, `2:03`.
pub(in crate::console) fn took(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis}ms"),
        1000..60_000 => format!("{:.1}s", time.as_secs_f64()),
        _ => clock(time.as_secs()),
    }
}

/// A time of day with milliseconds, as in logs, in the time zone that the header names.
pub(in crate::console) fn moment(at: Timestamp) -> String {
    local_time::local(at).strftime("%H:%M:%S%.3f").to_string()
}

pub(in crate::console) fn time_of_day(at: Timestamp) -> String {
    local_time::clock(at)
}

/// A future moment: the time of day, with the day if it is not today.
pub(in crate::console) fn until(at: Timestamp, now: Timestamp) -> String {
    let local = local_time::local(at);
    if local.date() == local_time::local(now).date() {
        time_of_day(at)
    } else {
        local.strftime("%a %-d %b %H:%M %Z").to_string()
    }
}

/// A number with separated thousands.
pub(in crate::console) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 6);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::theme::{Charset, Depth};

    fn theme() -> Theme {
        Theme::named("mono", Depth::None, Charset::Unicode).unwrap()
    }

    #[test]
    fn text_is_cut_and_padded_to_columns() {
        assert_eq!(cut("abcdef", 4, &theme()), "abc…");
        assert_eq!(cut("日本語", 4, &theme()), "日…");
        assert_eq!(cut("abc", 0, &theme()), "");
        assert_eq!(pad("日", 4, &theme()), "日  ");
    }

    #[test]
    fn hostile_text_is_sanitized() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "ab\u{fffd}c d");
    }

    #[test]
    fn long_text_wraps_at_spaces() {
        assert_eq!(wrap("one two three", 7, 0), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3, 0), ["abc", "def", "gh"]);
        assert_eq!(wrap("a bb cc", 4, 1), ["a bb", " cc"]);
        assert_eq!(wrap("", 4, 1), [""]);
    }

    #[test]
    fn times_have_short_forms() {
        assert_eq!(clock(3607), "1:00:07");
        assert_eq!(clock(52), "0:52");
        assert_eq!(age(12 * 86_400 + 4 * 3600), "12d 4h");
        assert_eq!(took(Duration::from_millis(4100)), "4.1s");
        assert_eq!(count(1_204_000), "1,204,000");
    }
}
