//! Parses Markdown into blocks, as far as the topics of `greenroom help` use Markdown. `text` writes the blocks for a
//! terminal or a pipe, `man` as a manual page.

use std::fmt::Write as _;

use pulldown_cmark::{Event, Options, Parser, Tag};

#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Block {
    /// The level of the heading, from 1, and its text.
    Heading(u8, Vec<Span>),
    Paragraph(Vec<Span>),
    /// Lines that are not wrapped.
    Code(String),
    /// The number of the first item if the list is numbered, and the content of each item.
    List(Option<u64>, Vec<Vec<Block>>),
    Table(Table),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Table {
    pub(in crate::cli) head: Vec<Vec<Span>>,
    pub(in crate::cli) rows: Vec<Vec<Vec<Span>>>,
}

/// A piece of text that has one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Span {
    pub(in crate::cli) text: String,
    pub(in crate::cli) style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Style {
    Plain,
    Strong,
    Emphasis,
    Code,
}

/// Parses a text. HTML, such as the marks for tests, is left out.
pub(in crate::cli) fn read(text: &str) -> Vec<Block> {
    blocks(&mut Parser::new_ext(text, Options::ENABLE_TABLES))
}

/// Reads blocks up to the end of their container.
fn blocks(events: &mut Parser<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    // The items of a list without blank lines contain text without a paragraph around it. Such text becomes a
    // paragraph.
    let mut loose = Vec::new();
    while let Some(event) = events.next() {
        let block = match event {
            Event::End(_) => break,
            Event::Start(Tag::Heading { level, .. }) => {
                Some(Block::Heading(level as u8, spans(events)))
            }
            Event::Start(Tag::Paragraph) => Some(Block::Paragraph(spans(events))),
            Event::Start(Tag::CodeBlock(_)) => Some(Block::Code(block_text(events))),
            Event::Start(Tag::List(first)) => Some(Block::List(first, items(events))),
            Event::Start(Tag::Table(_)) => Some(Block::Table(table(events))),
            Event::Start(Tag::HtmlBlock) => {
                block_text(events);
                None
            }
            inline => {
                read_inline(inline, events, Style::Plain, &mut loose);
                continue;
            }
        };
        flush(&mut loose, &mut blocks);
        blocks.extend(block);
    }
    flush(&mut loose, &mut blocks);
    blocks
}

fn flush(loose: &mut Vec<Span>, blocks: &mut Vec<Block>) {
    if !loose.is_empty() {
        blocks.push(Block::Paragraph(std::mem::take(loose)));
    }
}

fn items(events: &mut Parser<'_>) -> Vec<Vec<Block>> {
    let mut items = Vec::new();
    while let Some(Event::Start(_)) = events.next() {
        items.push(blocks(events));
    }
    items
}

fn table(events: &mut Parser<'_>) -> Table {
    let mut table = Table::default();
    while let Some(Event::Start(row)) = events.next() {
        let mut cells = Vec::new();
        while let Some(Event::Start(_)) = events.next() {
            cells.push(spans(events));
        }
        if row == Tag::TableHead {
            table.head = cells;
        } else {
            table.rows.push(cells);
        }
    }
    table
}

/// The text of everything up to the end of a block.
fn block_text(events: &mut Parser<'_>) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(part) => text.push_str(&part),
            Event::End(_) => break,
            _ => {}
        }
    }
    text.trim_end().to_owned()
}

fn spans(events: &mut Parser<'_>) -> Vec<Span> {
    let mut spans = Vec::new();
    read_spans(events, Style::Plain, &mut spans);
    spans
}

fn read_spans(events: &mut Parser<'_>, style: Style, spans: &mut Vec<Span>) {
    while let Some(event) = events.next() {
        if matches!(event, Event::End(_)) {
            break;
        }
        read_inline(event, events, style, spans);
    }
}

fn read_inline(event: Event<'_>, events: &mut Parser<'_>, style: Style, spans: &mut Vec<Span>) {
    let (text, style) = match event {
        Event::Text(text) => (text.into_string(), style),
        Event::Code(text) => (text.into_string(), Style::Code),
        Event::SoftBreak | Event::HardBreak => (" ".to_owned(), style),
        Event::Start(Tag::Strong) => return read_spans(events, Style::Strong, spans),
        Event::Start(Tag::Emphasis) => return read_spans(events, Style::Emphasis, spans),
        Event::Start(Tag::Link { dest_url, .. }) => {
            read_spans(events, style, spans);
            (format!(" ({dest_url})"), style)
        }
        Event::Start(_) => return read_spans(events, style, spans),
        _ => return,
    };
    spans.push(Span { text, style });
}

/// A table as Markdown. The cells of a row are separated by bars.
pub(super) fn table_text(head: &str, rows: impl Iterator<Item = String>) -> String {
    let columns = head.split('|').count();
    let mut text = format!("| {head} |\n|{}", "---|".repeat(columns));
    for row in rows {
        let _ = write!(text, "\n| {row} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str, style: Style) -> Span {
        Span {
            text: text.to_owned(),
            style,
        }
    }

    #[test]
    fn words_keep_their_style_and_their_links() {
        let read = read("a **b** `c` *d*\n[e](https://e.example)<!-- f -->");
        let [Block::Paragraph(spans)] = &read[..] else {
            panic!("{read:?}");
        };
        let expected = [
            span("a ", Style::Plain),
            span("b", Style::Strong),
            span(" ", Style::Plain),
            span("c", Style::Code),
            span(" ", Style::Plain),
            span("d", Style::Emphasis),
            span(" ", Style::Plain),
            span("e", Style::Plain),
            span(" (https://e.example)", Style::Plain),
        ];
        assert_eq!(spans, &expected);
    }

    #[test]
    fn blocks_follow_each_other_without_the_marks() {
        let text =
            "# a\n\n<!-- m -->\n```sh\nb\n\nc\n```\n<!-- end of m -->\n\n1. d\n2. e\n\n   f\n";
        let read = read(text);
        let [
            Block::Heading(1, _),
            Block::Code(code),
            Block::List(Some(1), items),
        ] = &read[..]
        else {
            panic!("{read:?}");
        };
        assert_eq!(code, "b\n\nc");
        assert_eq!(items.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_table_has_a_head_and_rows() {
        let read = read("| a | b |\n|---|---|\n| `c` | d |\n| e | f |\n");
        let [Block::Table(table)] = &read[..] else {
            panic!("{read:?}");
        };
        assert_eq!(table.head.len(), 2);
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.rows[0][0], [span("c", Style::Code)]);
    }
}
