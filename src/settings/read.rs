//! Compares a tree with the schema: reports unknown keys, wrong types, missing keys and values of a wrong format, each
//! with its position. Does not check whether values work together.

use serde_json::Value as Json;

use super::origin::Origin;
use super::problem::{Problem, WrongValue, nearest};
use super::tree::{Entry, Node, Value};
use super::{formats, schema};
use crate::sanitize::visible;

/// Reports everything in the tree that the schema does not allow, and returns the paths of the wrong values.
pub(super) fn read(root: &Node, problems: &mut Vec<Problem>) -> Vec<Vec<String>> {
    let mut walk = Walk {
        path: Vec::new(),
        wrong: Vec::new(),
        problems,
    };
    walk.node(&schema::INLINE, root);
    walk.wrong
}

/// How messages describe what to write for a secret.
const SECRET: &str = "the source of the secret, such as { env = \"NAME\" }, { file = \"/path\" } or { command = [\"program\"] }";

const ONE_SOURCE: &str = "name exactly one source of the secret: { env = \"NAME\" }, { file = \"/path\" } or { command = [\"program\", \"argument\"] }";

struct Walk<'a> {
    path: Vec<String>,
    wrong: Vec<Vec<String>>,
    problems: &'a mut Vec<Problem>,
}

impl Walk<'_> {
    fn report(&mut self, origin: &Origin, says: impl AsRef<str>) {
        let problem = Problem::new(origin.clone(), &self.path, says);
        self.problems.push(problem);
        self.wrong.push(self.path.clone());
    }

    fn node(&mut self, schema: &Json, node: &Node) {
        let options = schema::alternatives(schema);
        let Some(option) = options.iter().find(|option| fits(option, node)) else {
            let says = misfit(&options, node);
            self.report(&node.origin, says);
            return;
        };
        match &node.value {
            Value::Text(text) => {
                if let Err(WrongValue(says)) = check_text(option, &options, text) {
                    self.report(&node.origin, says);
                }
            }
            Value::Integer(number) => {
                if let Err(WrongValue(says)) = check_number(option, *number) {
                    self.report(&node.origin, says);
                }
            }
            Value::List(items) => {
                let Some(each) = option.get("items") else {
                    return;
                };
                let needs_one = option.get("minItems").is_some_and(|least| *least == 1);
                if needs_one && items.is_empty() {
                    self.report(&node.origin, "the list is empty: write at least one value");
                }
                for (index, item) in items.iter().enumerate() {
                    self.path.push(format!("[{index}]"));
                    self.node(each, item);
                    self.path.pop();
                }
            }
            Value::Table(_) => self.table(option, node),
            Value::Float(_) | Value::Boolean(_) | Value::Date(_) => {}
        }
    }

    fn table(&mut self, schema: &Json, node: &Node) {
        if schema::kind(schema).is_none() {
            return;
        }
        let named = schema.pointer("/propertyNames/format").is_some();
        for entry in node.entries() {
            self.path.push(entry.key.clone());
            match schema::property(schema, &entry.key) {
                None => {
                    let says = unknown(schema, &entry.key);
                    self.report(&entry.key_origin, says);
                }
                Some(inner) => {
                    if named && let Err(WrongValue(says)) = formats::check("name", &entry.key) {
                        self.report(&entry.key_origin, says);
                    }
                    self.node(inner, &entry.node);
                    if is_not_one_source(inner, &entry.node) {
                        self.report(entry.origin(), ONE_SOURCE);
                    }
                }
            }
            self.path.pop();
        }
        self.missing(schema, node);
    }

    fn missing(&mut self, schema: &Json, node: &Node) {
        let required = schema.get("required").and_then(Json::as_array);
        for key in required.into_iter().flatten().filter_map(Json::as_str) {
            if node.entry(key).is_none() {
                self.report(
                    &node.origin,
                    format!("`{key}` is missing{}", description_hint(schema, key)),
                );
            }
        }
    }
}

/// Whether a table must have exactly one key that is a source of a secret, and has none or several.
fn is_not_one_source(schema: &Json, node: &Node) -> bool {
    let table = schema::as_table(schema);
    let most = table.and_then(|table| table.get("maxProperties")?.as_u64());
    let Value::Table(entries) = &node.value else {
        return false;
    };
    let is_empty =
        |entry: &Entry| matches!(&entry.node.value, Value::List(list) if list.is_empty());
    most == Some(1) && !matches!(&entries[..], [only] if !is_empty(only))
}

fn fits(schema: &Json, node: &Node) -> bool {
    let Some(kind) = schema::kind(schema) else {
        return true;
    };
    match node.value {
        Value::Text(_) => kind == "string",
        Value::Integer(_) => kind == "integer" || kind == "number",
        Value::Float(_) => kind == "number",
        Value::Boolean(_) => kind == "boolean",
        Value::Date(_) => false,
        Value::List(_) => kind == "array",
        Value::Table(_) => kind == "object",
    }
}

fn misfit(options: &[&Json], node: &Node) -> String {
    if let [only] = options
        && let Some(format) = only.get("format").and_then(Json::as_str)
        && let Value::Integer(number) = node.value
        && let Err(WrongValue(says)) = formats::check(format, &number.to_string())
    {
        return says;
    }
    if let [only] = options
        && let Value::Text(text) = &node.value
        && match schema::kind(only) {
            Some("integer") => text.parse::<i64>().is_ok(),
            Some("boolean") => text.parse::<bool>().is_ok(),
            _ => false,
        }
    {
        return format!(
            "expected {}, found text: write {text} without quotes",
            wanted(only)
        );
    }
    let wanted: Vec<String> = options.iter().map(|option| wanted(option)).collect();
    format!("expected {}, found {}", wanted.join(" or "), found(node))
}

fn wanted(schema: &Json) -> String {
    match schema::kind(schema) {
        Some("string") => schema
            .get("format")
            .and_then(Json::as_str)
            .and_then(formats::description)
            .unwrap_or("text in quotes")
            .to_owned(),
        Some("integer" | "number") => "a number".into(),
        Some("boolean") => "true or false".into(),
        Some("array") => "a list".into(),
        _ => {
            let keys: Vec<_> = schema::known(schema).map(|(key, _)| key).collect();
            if keys == ["command", "env", "file"] {
                SECRET.into()
            } else if keys.is_empty() || keys.len() > 6 {
                "a table".into()
            } else {
                format!("a table of {}", keys.join(", "))
            }
        }
    }
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Text(_) => "text".into(),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(truth) => truth.to_string(),
        Value::Date(_) => "a date".into(),
        Value::List(_) => "a list".into(),
        Value::Table(_) => "a table".into(),
    }
}

/// Checks a text against the alternative that allows a text. The error also names the other alternatives.
fn check_text(schema: &Json, options: &[&Json], text: &str) -> Result<(), WrongValue> {
    if let Some(choices) = schema.get("enum").and_then(Json::as_array) {
        let choices: Vec<&str> = choices.iter().filter_map(Json::as_str).collect();
        if choices.contains(&text) {
            return Ok(());
        }
        let hint = suggestion(nearest(text, choices.iter().copied()));
        let mut allowed: Vec<String> = choices.iter().map(|it| (*it).to_owned()).collect();
        let others = options
            .iter()
            .filter(|other| schema::kind(other) != Some("string"));
        allowed.extend(others.map(|other| format!("{} without quotes", wanted(other))));
        return Err(WrongValue(format!(
            "`{}` is not one of {}{hint}",
            visible(text),
            allowed.join(", ")
        )));
    }
    match schema.get("format").and_then(Json::as_str) {
        Some(format) => formats::check(format, text),
        None => Ok(()),
    }
}

fn check_number(schema: &Json, number: i64) -> Result<(), WrongValue> {
    let bound = |key| schema.get(key).and_then(Json::as_i64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    if least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most) {
        return Ok(());
    }
    Err(WrongValue(match (least, most) {
        (Some(least), Some(most)) => format!("{number} is not between {least} and {most}"),
        (Some(least), None) => format!("{number} is too small: write {least} or more"),
        _ => format!("{number} is too large"),
    }))
}

fn unknown(schema: &Json, key: &str) -> String {
    let known: Vec<&str> = schema::known(schema).map(|(key, _)| key).collect();
    let shown = visible(key);
    match nearest(key, known.iter().copied()) {
        near @ Some(_) => format!("unknown key `{shown}`{}", suggestion(near)),
        None => format!(
            "unknown key `{shown}`; the known keys are {}",
            known.join(", ")
        ),
    }
}

pub(super) fn suggestion(near: Option<&str>) -> String {
    near.map(|word| format!("; did you mean `{word}`?"))
        .unwrap_or_default()
}

/// A hint for a missing key: its description in the schema.
fn description_hint(schema: &Json, key: &str) -> String {
    let Some(inner) = schema::property(schema, key) else {
        return String::new();
    };
    inner
        .get("description")
        .and_then(Json::as_str)
        .map(|text| format!(" ({})", text.trim_end_matches('.')))
        .unwrap_or_default()
}
