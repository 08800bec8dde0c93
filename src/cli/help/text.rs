//! Turns blocks of Markdown into lines: styled for a terminal, plain text for everything else.

use clap::builder::styling::{AnsiColor, Style as Ansi};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::markdown::{Block, Span, Style};
use super::table;

/// How far text is indented below its heading, and code below text.
const INDENT: usize = 2;

/// The page that the lines are written for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// The maximum width of a line. Only lines of code may be longer.
    pub(super) width: usize,
    /// Whether to use escape sequences.
    pub(super) styled: bool,
}

/// Text in one style: a word, a part of a word or a blank; after `join`, several of these.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    text: String,
    style: Style,
}

/// A word, which may have several styles: `code` followed by a comma.
type Word = Vec<Piece>;

/// Pieces that fit on a line.
pub(super) type Line = Vec<Piece>;

pub(super) fn render(blocks: &[Block], page: Page) -> String {
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() {
            text.push('\n');
        }
        let indent = match block {
            Block::Heading(..) => 0,
            _ => INDENT,
        };
        for line in lines(block, page, page.width.saturating_sub(indent)) {
            let line = format!("{:indent$}{line}", "");
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

fn lines(block: &Block, page: Page, width: usize) -> Vec<String> {
    match block {
        Block::Heading(_, spans) => {
            let strong = spans.iter().map(|span| Span {
                text: span.text.clone(),
                style: Style::Strong,
            });
            to_strings(&wrap(&strong.collect::<Vec<_>>(), page, width), page)
        }
        Block::Paragraph(spans) => to_strings(&wrap(spans, page, width), page),
        Block::Code(code) => code.lines().map(|line| code_line(line, page)).collect(),
        Block::List(first, items) => list(*first, items, page, width),
        Block::Table(table) => table::lines(table, page, width),
    }
}

fn code_line(line: &str, page: Page) -> String {
    let piece = Piece {
        text: line.to_owned(),
        style: Style::Code,
    };
    format!("{:INDENT$}{}", "", write(&piece, page))
}

fn list(first: Option<u64>, items: &[Vec<Block>], page: Page, width: usize) -> Vec<String> {
    let mut output = Vec::new();
    for (number, item) in (first.unwrap_or_default()..).zip(items) {
        let mark = match first {
            Some(_) => format!("{number}. "),
            None => "- ".to_owned(),
        };
        let indent = mark.len();
        let inner = item.iter().enumerate().flat_map(|(index, block)| {
            let blank = (index > 0).then(String::new);
            let lines = lines(block, page, width.saturating_sub(indent));
            blank.into_iter().chain(lines)
        });
        for (index, line) in inner.enumerate() {
            let mark = if index == 0 { mark.as_str() } else { "" };
            output.push(format!("{mark:indent$}{line}"));
        }
    }
    output
}

pub(super) fn to_strings(lines: &[Line], page: Page) -> Vec<String> {
    let written = |line: &Line| {
        let joined = line.chunk_by(|piece, next| piece.style == next.style);
        joined.map(|pieces| write(&join(pieces), page)).collect()
    };
    lines.iter().map(written).collect()
}

/// Joins pieces of the same style.
fn join(pieces: &[Piece]) -> Piece {
    Piece {
        text: pieces.iter().map(|piece| piece.text.as_str()).collect(),
        style: pieces.first().map_or(Style::Plain, |piece| piece.style),
    }
}

fn write(piece: &Piece, page: Page) -> String {
    let ansi = match piece.style {
        _ if !page.styled || piece.text.trim().is_empty() => return piece.text.clone(),
        Style::Plain => return piece.text.clone(),
        Style::Strong => Ansi::new().bold(),
        Style::Emphasis => Ansi::new().italic(),
        Style::Code => Ansi::new().fg_color(Some(AnsiColor::Cyan.into())),
    };
    format!("{ansi}{}{ansi:#}", piece.text)
}

/// Wraps text at blanks. A word that is wider than `width` is cut.
pub(super) fn wrap(spans: &[Span], page: Page, width: usize) -> Vec<Line> {
    let width = width.max(1);
    let mut lines: Vec<Line> = vec![Vec::new()];
    let mut used = 0;
    for word in words(spans, page) {
        let wide = width_of(&word);
        if used > 0 && used + wide > width {
            lines.push(Vec::new());
            used = 0;
        }
        for piece in cut(word, width) {
            if used > 0 && used + width_of(&piece) > width {
                lines.push(Vec::new());
                used = 0;
            }
            used += width_of(&piece);
            if let Some(line) = lines.last_mut() {
                line.extend(piece);
            }
        }
        // Every word is followed by a blank. A blank at the end of a line is removed below.
        if let Some(line) = lines.last_mut() {
            line.push(blank());
            used += 1;
        }
    }
    for line in &mut lines {
        while line.last().is_some_and(|piece| piece.text == " ") {
            line.pop();
        }
    }
    lines
}

fn blank() -> Piece {
    Piece {
        text: " ".to_owned(),
        style: Style::Plain,
    }
}

/// Cuts a word that is wider than `width` into its characters.
fn cut(word: Word, width: usize) -> Vec<Word> {
    if width_of(&word) <= width {
        return vec![word];
    }
    let letters = word.iter().flat_map(|piece| {
        let style = piece.style;
        let letter = move |c: char| Piece {
            text: c.to_string(),
            style,
        };
        piece.text.chars().map(letter)
    });
    letters.map(|letter| vec![letter]).collect()
}

pub(super) fn width_of(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.text.width()).sum()
}

/// The width of the widest word, and of the whole text on one line.
pub(super) fn widths(spans: &[Span], page: Page) -> (usize, usize) {
    let words = words(spans, page);
    let widths: Vec<usize> = words.iter().map(|word| width_of(word)).collect();
    let widest = widths.iter().copied().max().unwrap_or_default();
    (
        widest,
        widths.iter().sum::<usize>() + widths.len().saturating_sub(1),
    )
}

fn words(spans: &[Span], page: Page) -> Vec<Word> {
    let is_code = |span: &Span| span.style == Style::Code || span.text.trim().is_empty();
    let is_sentence = !spans.iter().all(is_code);
    let mut words = vec![Word::new()];
    for span in spans {
        let text = if is_sentence {
            quoted(span, page)
        } else {
            span.text.clone()
        };
        for (index, part) in text.split(' ').enumerate() {
            if index > 0 {
                words.push(Word::new());
            }
            if let Some(word) = words.last_mut()
                && part.chars().any(|c| c.width().is_some())
            {
                word.push(Piece {
                    text: part.to_owned(),
                    style: span.style,
                });
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Puts quotes around code that has no colour and could be mistaken for a word of the sentence.
fn quoted(span: &Span, page: Page) -> String {
    let is_word = span.text.chars().all(char::is_alphanumeric);
    let is_key = span.text.chars().count() == 1;
    if span.style == Style::Code && !page.styled && (is_word || is_key) {
        return format!("'{}'", span.text);
    }
    span.text.clone()
}

#[cfg(test)]
mod tests {
    use super::super::markdown::read;
    use super::*;

    const PLAIN: Page = Page {
        width: 24,
        styled: false,
    };

    #[test]
    fn plain_text_has_no_markdown_and_is_wrapped() {
        let text = "# Two *words*\n\nThe **lock** of `web` is kept by the `etcd.user`, as one\nsays.\n\n\
                    - an item that is too long\n- two\n\n```sh\ngreenroom status --json web production\n```\n";
        let expected = "\
Two words

  The lock of 'web' is
  kept by the etcd.user,
  as one says.

  - an item that is too
    long
  - two

    greenroom status --json web production
";
        assert_eq!(render(&read(text), PLAIN), expected);
    }

    #[test]
    fn a_terminal_gets_the_same_words_in_styles() {
        let page = Page {
            styled: true,
            ..PLAIN
        };
        let text = render(&read("# Lock\n\nA **key** of `web`."), page);
        assert_eq!(
            text,
            "\u{1b}[1mLock\u{1b}[0m\n\n  A \u{1b}[1mkey\u{1b}[0m of \u{1b}[36mweb\u{1b}[0m.\n"
        );
    }

    #[test]
    fn a_word_that_is_too_wide_is_cut() {
        let text = render(
            &read("/greenroom/v1/targets/web/production/route is it"),
            PLAIN,
        );
        assert!(text.lines().all(|line| line.width() <= 24), "{text}");
        let words: String = text.split_whitespace().collect();
        assert_eq!(words, "/greenroom/v1/targets/web/production/routeisit");
    }
}
