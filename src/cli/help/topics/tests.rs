use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::super::markdown::{Span, Style};
use super::*;
use crate::cli::arguments::Arguments;

/// The README and every topic.
fn documents() -> Vec<(&'static str, Vec<Block>)> {
    let readme = markdown::read(include_str!("../../../../README.md"));
    let topics = TOPICS.iter().map(|topic| (topic.name, topic.blocks()));
    std::iter::once(("README", readme)).chain(topics).collect()
}

/// The code of a document: the lines of code blocks, and the code inside sentences.
#[derive(Default)]
struct Code {
    lines: Vec<String>,
    inline: Vec<String>,
}

impl Code {
    fn read(&mut self, blocks: &[Block]) {
        for block in blocks {
            match block {
                Block::Heading(_, spans) | Block::Paragraph(spans) => self.read_spans(spans),
                Block::Table(table) => {
                    let cells = table.rows.iter().flatten();
                    cells.for_each(|cell| self.read_spans(cell));
                }
                Block::Code(text) => {
                    let text = text.replace("\\\n", " ");
                    self.lines.extend(text.lines().map(str::to_owned));
                }
                Block::List(_, items) => items.iter().for_each(|item| self.read(item)),
            }
        }
    }

    fn read_spans(&mut self, spans: &[Span]) {
        let spans = spans.iter().filter(|span| span.style == Style::Code);
        self.inline.extend(spans.map(|span| span.text.clone()));
    }
}

/// Splits a command as a shell does, up to a pipe, a redirection or a comment.
fn shell_words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '|' | '>' | '#') => break,
            (None, ' ') => words.push(String::new()),
            (_, c) => {
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_in_the_documents_can_be_parsed() {
    let mut count = 0;
    for (name, blocks) in documents() {
        let mut code = Code::default();
        code.read(&blocks);
        let lines = code.lines.iter().map(|line| (line, true));
        let inline = code.inline.iter().map(|code| (code, false));
        for (command, whole) in lines.chain(inline) {
            let command = command
                .trim_start_matches("source <(")
                .trim_end_matches(')');
            // The usage line of a help, or a name with a placeholder, is not a command.
            if !command.starts_with("greenroom ") || command.contains(['…', '[']) {
                continue;
            }
            count += 1;
            let parsed = Arguments::command().try_get_matches_from(shell_words(command));
            let Err(error) = parsed else { continue };
            // A sentence may name a verb without its arguments.
            let is_part = !whole && error.kind() == ErrorKind::MissingRequiredArgument;
            assert!(is_part, "{name}: {command}: {error}");
        }
    }
    assert!(count > 60, "only {count} were found");
}

#[test]
fn every_mark_is_replaced_in_one_topic() {
    for (mark, generated) in GENERATED {
        let mut marked = TOPICS.iter().filter(|topic| topic.text.contains(mark));
        let topic = marked.next().expect(mark);
        assert!(marked.next().is_none(), "{mark} is in two topics");
        let text = topic.markdown();
        assert!(
            !text.contains(mark) && text.contains(&generated()),
            "{mark}"
        );
        assert!(generated().lines().count() > 5, "{mark}");
    }
    for topic in &TOPICS {
        let text = topic.markdown();
        assert!(
            !text.contains("<!-- table") && !text.contains("<!-- list"),
            "{}",
            topic.name
        );
    }
}
