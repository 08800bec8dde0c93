//! A configuration as a tree in which every value has its origin. This module parses text into a tree, and does not
//! know the meaning of the keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::origin::Origin;
use super::problem::{Problem, dotted};

/// A value and its origin.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date(toml::value::Datetime),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_origin: Origin,
    pub(super) node: Node,
}

impl Entry {
    /// The origin that messages name: the origin of the key for a table, and the origin of the value otherwise.
    pub(super) fn origin(&self) -> &Origin {
        match self.node.value {
            Value::Table(_) => &self.key_origin,
            _ => &self.node.origin,
        }
    }
}

impl Node {
    pub(super) fn empty() -> Self {
        Self {
            value: Value::Table(Vec::new()),
            origin: Origin::BuiltIn,
        }
    }

    /// The entries of a table; empty for any other value.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value at a path of keys, if it is written.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        let mut keys = path.iter();
        keys.try_fold(self, |node, key| Some(&node.entry(key)?.node))
    }

    /// The items of a list; empty for any other value.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The origin of the value at a path, or of the nearest value around it.
    pub(super) fn origin_at(&self, path: &[String]) -> Origin {
        let mut node = self;
        let mut origin = self.origin.clone();
        for part in path {
            let index = part
                .strip_prefix('[')
                .and_then(|part| part.strip_suffix(']'))
                .and_then(|index| index.parse::<usize>().ok());
            let next = match (&node.value, index) {
                (Value::List(items), Some(index)) => {
                    items.get(index).map(|item| (item, item.origin.clone()))
                }
                _ => node
                    .entry(part)
                    .map(|entry| (&entry.node, entry.origin().clone())),
            };
            let Some((inner, inner_origin)) = next else {
                return origin;
            };
            node = inner;
            origin = inner_origin;
        }
        origin
    }

    /// The origin of every key below a table, by the key relative to that table.
    pub(super) fn origins_below(&self, table: &[&str]) -> BTreeMap<String, Origin> {
        let mut found = BTreeMap::new();
        if let Some(table) = self.at(table) {
            table.collect_origins(&mut Vec::new(), &mut found);
        }
        found
    }

    fn collect_origins(&self, path: &mut Vec<String>, found: &mut BTreeMap<String, Origin>) {
        for entry in self.entries() {
            path.push(entry.key.clone());
            found.insert(dotted(path), entry.origin().clone());
            entry.node.collect_origins(path, found);
            path.pop();
        }
    }

    /// The value as plain TOML, without origins.
    pub(super) fn plain(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Integer(number) => toml::Value::Integer(*number),
            Value::Float(number) => toml::Value::Float(*number),
            Value::Boolean(truth) => toml::Value::Boolean(*truth),
            Value::Date(date) => toml::Value::Datetime(*date),
            Value::List(items) => toml::Value::Array(items.iter().map(Self::plain).collect()),
            Value::Table(entries) => toml::Value::Table(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.node.plain()))
                    .collect(),
            ),
        }
    }
}

/// Parses the text of a file. Adds an error to `problems` for each part that is not TOML, and returns the rest.
pub(super) fn parse(file: &Arc<str>, text: &str, problems: &mut Vec<Problem>) -> Node {
    let reading = Reading::of(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        problems.push(Problem::new(
            reading.origin(offset),
            &[],
            format!("this is not TOML: {}", error.message()),
        ));
    }
    let mut root = reading.table(table.get_ref(), 0, problems);
    root.origin = reading.origin(0);
    root
}

struct Reading<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    /// The offset of each line's start, computed once.
    lines: Vec<usize>,
}

impl<'a> Reading<'a> {
    fn of(file: &'a Arc<str>, text: &'a str) -> Self {
        let after_ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after_ends).collect();
        Self { file, text, lines }
    }

    fn origin(&self, offset: usize) -> Origin {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied();
        let before = self.text.get(start.unwrap_or(0)..offset).unwrap_or("");
        Origin::File {
            file: Arc::clone(self.file),
            line,
            column: before.chars().count() + 1,
        }
    }

    fn table(&self, table: &DeTable<'_>, offset: usize, problems: &mut Vec<Problem>) -> Node {
        let entries = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_origin: self.origin(key.span().start),
                node: self.value(value, problems),
            })
            .collect();
        Node {
            value: Value::Table(entries),
            origin: self.origin(offset),
        }
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Node {
        let offset = value.span().start;
        let plain = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(digits) => {
                match i64::from_str_radix(digits.as_str(), digits.radix()) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => return self.unfit(offset, problems),
                }
            }
            DeValue::Float(digits) => match digits.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => return self.unfit(offset, problems),
            },
            DeValue::Boolean(truth) => Value::Boolean(*truth),
            DeValue::Datetime(date) => Value::Date(*date),
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.value(item, problems))
                    .collect(),
            ),
            DeValue::Table(table) => return self.table(table, offset, problems),
        };
        Node {
            value: plain,
            origin: self.origin(offset),
        }
    }

    fn unfit(&self, offset: usize, problems: &mut Vec<Problem>) -> Node {
        let origin = self.origin(offset);
        problems.push(Problem::new(
            origin.clone(),
            &[],
            "this number does not fit into 64 bits: write one with fewer digits",
        ));
        Node {
            value: Value::Integer(0),
            origin,
        }
    }
}
