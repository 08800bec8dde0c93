//! Makes text that a chat shows unchanged. Reasons, errors and names are written by people and programs. In the
//! channel, such a text must not mention people, make links, format text or end the line. Slack has no escape for its
//! own markup, and its imitators (Mattermost, Rocket.Chat, Discord) always render Markdown. So each markup character
//! is replaced by its full-width form, which looks the same and has no meaning.
//!
//! Sources: <https://docs.slack.dev/messaging/formatting-message-text>,
//! <https://docs.mattermost.com/end-user-guide/collaborate/format-messages.html>.

use crate::sanitize::sanitize;

/// The emoji with names that consist only of digits.
const NUMBERS: [&str; 2] = ["100", "1234"];

/// Returns the text on one line, without characters that any chat treats as markup.
pub(super) fn plain(text: &str) -> String {
    let line = sanitize(text);
    let chars: Vec<char> = line.trim().chars().collect();
    let mut shown = String::with_capacity(line.len());
    for (at, c) in chars.iter().copied().enumerate() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            _ if is_markup(&chars, at, c) => shown.push(full_width(c)),
            _ => shown.push(c),
        }
    }
    shown
}

/// Whether a character is markup at its position.
fn is_markup(chars: &[char], at: usize, c: char) -> bool {
    let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
    let after = chars.get(at + 1).copied();
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match c {
        '*' | '`' | '~' | '[' | ']' | '|' | '$' | '\\' => true,
        // Inside a name (`no_data`, `ada@host-1`, `a#1`), these are not markup.
        '_' => !(is_word(before) && is_word(after)),
        '@' | '#' => !is_word(before),
        ':' => is_link(chars, at) || is_emoji(chars, at),
        '.' => is_bare_link(chars, at) || is_item(chars, at),
        ')' => is_item(chars, at),
        // At the start of the line, these make a list, a rule or a heading.
        '-' | '+' | '=' => at == 0,
        _ => false,
    }
}

/// Whether this is the colon of `https://` or `mailto:`.
fn is_link(chars: &[char], at: usize) -> bool {
    let (before, after) = chars.split_at(at);
    let is_scheme = before
        .last()
        .is_some_and(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c));
    let of_mail = "mailto".chars().rev();
    let before = before.iter().rev().map(char::to_ascii_lowercase);
    let is_mail = before.take(6).eq(of_mail);
    is_mail || (is_scheme && after.starts_with(&[':', '/', '/']))
}

/// Whether this is the dot of `www.`.
fn is_bare_link(chars: &[char], at: usize) -> bool {
    let start = at.saturating_sub(3);
    let word = chars.get(start..at).unwrap_or_default();
    at >= 3 && word.iter().all(|c| c.eq_ignore_ascii_case(&'w'))
}

/// Whether this colon starts an emoji: a name and another colon follow it.
fn is_emoji(chars: &[char], at: usize) -> bool {
    let rest = chars.get(at + 1..).unwrap_or_default();
    let of_name = |c: &&char| c.is_ascii_alphanumeric() || "_+-".contains(**c);
    let name: String = rest.iter().take_while(of_name).collect();
    let is_number = name.chars().all(|c| c.is_ascii_digit());
    let is_name = !name.is_empty() && (!is_number || NUMBERS.contains(&name.as_str()));
    is_name && rest.get(name.len()) == Some(&':')
}

/// Whether this character ends the number of a list item: only digits are before it, and a space or nothing follows.
fn is_item(chars: &[char], at: usize) -> bool {
    let (number, rest) = chars.split_at(at);
    let is_number = !number.is_empty() && number.iter().all(char::is_ascii_digit);
    is_number && matches!(rest.get(1), None | Some(' '))
}

/// The full-width form of a printable ASCII character.
fn full_width(c: char) -> char {
    let wide = u32::from(c).checked_add(0xfee0);
    wide.and_then(char::from_u32).unwrap_or('\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_makes_no_mentions_links_or_formats() {
        for (text, shown) in [
            ("1.9.0 is live", "1.9.0 is live"),
            (
                "<!channel> & <https://x|y>",
                "&lt;!channel&gt; &amp; &lt;https：//x｜y&gt;",
            ),
            (
                "<!here> <@U012AB3CD> <#C1>",
                "&lt;!here&gt; &lt;＠U012AB3CD&gt; &lt;＃C1&gt;",
            ),
            ("@here (@all) ada@host-1", "＠here (＠all) ada@host-1"),
            (
                "*bold* **bold** ~no~ `x`",
                "＊bold＊ ＊＊bold＊＊ ～no～ ｀x｀",
            ),
            ("_so_ no_data __x__", "＿so＿ no_data ＿＿x＿＿"),
            ("[pay](https://evil)", "［pay］(https：//evil)"),
            ("![x](//evil/p.png)", "!［x］(//evil/p.png)"),
            (
                "HTTPS://evil www.evil MAILTO:a@b",
                "HTTPS：//evil www．evil MAILTO：a@b",
            ),
            ("# big", "＃ big"),
            ("> quoted", "&gt; quoted"),
            ("- item", "－ item"),
            ("--- ", "－--"),
            ("1. item", "1． item"),
            ("12) item", "12） item"),
            ("||hidden|| $x$ \\*", "｜｜hidden｜｜ ＄x＄ ＼＊"),
            (
                ":boom: :+1: :100: at 12:30:45",
                "：boom: ：+1: ：100: at 12:30:45",
            ),
            ("r.example:5000/web:1.9", "r.example:5000/web:1.9"),
            ("one\n\n# two\r\n```\nthree", "one  ＃ two ｀｀｀ three"),
            ("    code\u{202e} \u{1b}[31mred", "code\u{fffd} red"),
            ("~town-square #town", "～town-square ＃town"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }
}
