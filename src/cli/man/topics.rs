//! Manual pages of the topics, section 7, from the Markdown that `greenroom help` shows.

use std::io;

use roff::{Inline, Roff, bold, italic, roman};

use super::{Page, page_name, see_also};
use crate::cli::help::markdown::{Block, Span, Style, Table};
use crate::cli::help::topics::{TOPICS, Topic};

pub(super) fn pages() -> io::Result<Vec<Page>> {
    TOPICS.iter().map(page).collect()
}

fn page(topic: &Topic) -> io::Result<Page> {
    let name = page_name(topic.name);
    let program = concat!("greenroom ", env!("CARGO_PKG_VERSION"));
    let mut roff = Roff::new();
    roff.control("TH", [name.as_str(), "7", "", program]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {}", topic.about))]);
    roff.control("SH", ["DESCRIPTION"]);
    write(&topic.blocks(), &mut roff);
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    see_also(&["greenroom(1)".to_owned(), "greenroom-help(1)".to_owned()]).to_writer(&mut text)?;
    Ok(Page {
        file: format!("{name}.7"),
        text,
    })
}

fn write(blocks: &[Block], roff: &mut Roff) {
    for block in blocks {
        match block {
            // The page starts with its name instead of this heading.
            Block::Heading(1, _) => {}
            Block::Heading(2, spans) => {
                roff.control("SH", [plain_text(spans).to_uppercase().as_str()]);
            }
            Block::Heading(_, spans) => {
                roff.control("SS", [plain_text(spans).as_str()]);
            }
            Block::Paragraph(spans) => {
                roff.control("PP", []).text(inlines(spans));
            }
            Block::Code(code) => write_code(code, roff),
            Block::List(first, items) => write_list(*first, items, roff),
            Block::Table(table) => write_table(table, roff),
        }
    }
}

fn write_code(code: &str, roff: &mut Roff) {
    roff.control("PP", [])
        .control("RS", ["4"])
        .control("nf", []);
    for line in code.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []).control("RE", []);
}

fn write_list(first: Option<u64>, items: &[Vec<Block>], roff: &mut Roff) {
    for (number, item) in (first.unwrap_or_default()..).zip(items) {
        let mark = first.map_or("-".to_owned(), |_| format!("{number}."));
        roff.control("IP", [mark.as_str(), "3"]);
        let mut blocks = item.as_slice();
        // A separate paragraph (`PP`) would end the item, so the first paragraph is written without one.
        if let [Block::Paragraph(spans), rest @ ..] = blocks {
            roff.text(inlines(spans));
            blocks = rest;
        }
        roff.control("RS", ["3"]);
        write(blocks, roff);
        roff.control("RE", []);
    }
}

/// Writes the first cell of each row as a term, with the other cells below it. If there are more than two columns, the
/// header precedes each of these cells.
fn write_table(table: &Table, roff: &mut Roff) {
    let has_headers = table.head.len() > 2;
    for row in &table.rows {
        let [first, cells @ ..] = row.as_slice() else {
            continue;
        };
        roff.control("TP", []).text([bold(plain_text(first))]);
        let heads = table.head.iter().skip(1);
        for (index, (cell, head)) in cells.iter().zip(heads).enumerate() {
            if index > 0 {
                roff.control("br", []);
            }
            let mut text = inlines(cell);
            if has_headers {
                text.insert(0, italic(format!("{}: ", plain_text(head))));
            }
            roff.text(text);
        }
    }
}

fn plain_text(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

fn inlines(spans: &[Span]) -> Vec<Inline> {
    let inline = |span: &Span| match span.style {
        Style::Plain => roman(&span.text),
        Style::Strong | Style::Code => bold(&span.text),
        Style::Emphasis => italic(&span.text),
    };
    spans.iter().map(inline).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_a_page_with_its_text() {
        let pages = pages().expect("pages");
        assert_eq!(pages.len(), TOPICS.len());
        for (page, topic) in pages.iter().zip(&TOPICS) {
            assert_eq!(page.file, format!("greenroom-{}.7", topic.name));
            let text = String::from_utf8_lossy(&page.text);
            for title in ["NAME", "DESCRIPTION", "\"SEE ALSO\""] {
                assert!(text.contains(&format!(".SH {title}\n")), "{title}: {text}");
            }
            for mark in ["<!--", "```", "**"] {
                assert!(!text.contains(mark), "{}: {mark}", page.file);
            }
        }
    }

    #[test]
    fn code_and_tables_keep_their_words() {
        let mut roff = Roff::new();
        let text =
            "## One\n\n```sh\n.a --b\n\nc\n```\n\n| k | l | m |\n|---|---|---|\n| `n` | o | p |\n";
        write(&crate::cli::help::markdown::read(text), &mut roff);
        let text = roff.to_roff();
        assert!(
            text.contains(".SH ONE\n.PP\n.RS 4\n.nf\n\\&.a \\-\\-b\n\nc\n.fi\n.RE\n"),
            "{text}"
        );
        assert!(
            text.contains(".TP\n\\fBn\\fR\n\\fIl: \\fRo\n.br\n\\fIm: \\fRp\n"),
            "{text}"
        );
    }
}
