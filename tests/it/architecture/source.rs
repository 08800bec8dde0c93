//! Reads the crate's own source: which part of a file is code, which part is outside tests, and
//! which modules it names. It reads text and is not a parser; it relies on rustfmt's layout.

use std::path::{Path, PathBuf};

/// One source file.
pub(super) struct Source {
    /// Path below the package, e.g. `src/console/view/slots.rs`.
    pub(super) path: String,
    /// The unchanged text.
    pub(super) text: String,
    /// The lines without comments, strings and tests; as many lines as the file has.
    pub(super) code: Vec<String>,
}

/// A module that a line names: `console::view` for `crate::console::view::Frame`.
pub(super) struct Named {
    /// The line number, from one.
    pub(super) line: usize,
    /// The whole path from the crate's root, e.g. `["console", "view", "Frame"]`.
    pub(super) path: Vec<String>,
}

impl Source {
    /// A file with this path and text.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with("tests.rs") {
            vec![String::new(); text.lines().count()]
        } else {
            without_tests(&without_comments_and_texts(text))
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
        }
    }

    /// The module path: where the file is below `src`, without its extension, e.g. `["console",
    /// "view", "slots"]`.
    pub(super) fn module(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if matches!(
            parts.last().map(String::as_str),
            Some("mod" | "lib" | "main")
        ) {
            parts.pop();
        }
        parts
    }

    /// Every path of this crate that the code names, absolute or through `super`.
    pub(super) fn named(&self) -> Vec<Named> {
        let text = self.code.join("\n");
        let module = self.module();
        let mut found = Vec::new();
        for (at, _) in text.match_indices("crate::") {
            // `pub(in crate::console)` says who may use an item, and uses nothing.
            if begins_a_word(&text, at) && !text[..at].ends_with("(in ") {
                expand(&text, at + "crate::".len(), &[], &mut found);
            }
        }
        for (at, _) in text.match_indices("super::") {
            // A later `super` in a chain belongs to the first one.
            if !begins_a_word(&text, at) || text[..at].ends_with("super::") {
                continue;
            }
            let mut base = module.clone();
            let mut rest = at;
            while text[rest..].starts_with("super::") {
                base.pop();
                rest += "super::".len();
            }
            expand(&text, rest, &base, &mut found);
        }
        found
            .into_iter()
            .map(|(at, path)| Named {
                line: text[..at].matches('\n').count() + 1,
                path,
            })
            .collect()
    }

    /// The names that the file re-exports from files of its own folder: the name as shown outside, and the path below the
    /// module.
    pub(super) fn reexports(&self) -> Vec<(String, Vec<String>)> {
        let text = self.code.join("\n");
        let mut found = Vec::new();
        for line in [
            "\npub use ",
            "\npub(crate) use ",
            "\npub(super) use ",
            "\npub(in crate::console) use ",
        ] {
            for (at, _) in text.match_indices(line) {
                expand(&text, at + line.len(), &[], &mut found);
            }
        }
        found
            .into_iter()
            .filter_map(|(at, path)| {
                let name = path.last()?;
                let renamed = text[at + name.len()..].strip_prefix(" as ");
                let shown = renamed.map(|rest| word(rest).to_owned());
                Some((shown.unwrap_or_else(|| name.clone()), path))
            })
            .collect()
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn begins_a_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Expands one path, or `{a, b::{c, d}}`.
fn expand(text: &str, at: usize, base: &[String], found: &mut Vec<(usize, Vec<String>)>) {
    let rest = &text[at..];
    if let Some(inner) = rest.strip_prefix('{') {
        let mut depth = 0;
        let mut begin = true;
        for (offset, c) in inner.char_indices() {
            match c {
                '}' if depth == 0 => return,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => begin = true,
                c if begin && !c.is_whitespace() => {
                    begin = false;
                    expand(text, at + 1 + offset, base, found);
                }
                _ => {}
            }
        }
        return;
    }
    let name: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let mut path = base.to_vec();
    if name.is_empty() {
        return;
    }
    let end = at + name.len();
    path.push(name);
    if let Some(more) = text[end..].strip_prefix("::")
        && more.starts_with(|c: char| c.is_alphabetic() || c == '{' || c == '_')
    {
        expand(text, end + 2, &path, found);
    } else {
        found.push((at, path));
    }
}

/// Blanks comments and quoted text. Line numbers stay the same.
fn without_comments_and_texts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            end_of_text(rest)
        } else if let Some(end) = end_of_raw_text(rest, &out) {
            end
        } else if first == '\'' {
            end_of_character(rest)
        } else {
            0
        };
        if skipped == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.push('"');
            out.extend(rest[..skipped].matches('\n'));
            rest = &rest[skipped..];
        }
    }
    out
}

fn end_of_text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn end_of_raw_text(rest: &str, before: &str) -> Option<usize> {
    if !begins_a_word(before, before.len()) && !before.ends_with('b') {
        return None;
    }
    let marks = rest.strip_prefix('r')?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    marks[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let begin = 2 + hashes;
    Some(
        rest[begin..]
            .find(&close)
            .map_or(rest.len(), |end| begin + end + close.len()),
    )
}

/// `None` for a lifetime.
fn end_of_character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(0, |end| end + 4),
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// Blanks every item below `#[cfg(test)]`.
fn without_tests(code: &str) -> Vec<String> {
    let mut kept = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push(line.to_owned());
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        kept.push(String::new());
        for inner in lines.by_ref() {
            kept.push(String::new());
            let depth = inner.len() - inner.trim_start().len();
            if depth == indent && inner.trim_end().ends_with(['}', ';']) {
                break;
            }
        }
    }
    kept
}

/// All Rust files below a directory of the package.
pub(super) fn all(below: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join(below), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    paths
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("source is text");
            let inner = path.strip_prefix(root).expect("below the package");
            Source::new(&inner.display().to_string(), &text)
        })
        .collect()
}

/// All files below a directory, sorted.
pub(super) fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, found);
        } else {
            found.push(entry);
        }
    }
}
