//! The layers above the file: variables and flags, each setting one value. A layer can set every key of the schema,
//! except the keys that `file_only` leaves to the file. The documentation of `settings` describes how the layers are
//! written.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::origin::Origin;
use super::problem::{Problem, WrongValue, nearest};
use super::read::suggestion;
use super::schema;
use super::tree::{self, Entry, Node, Value};
use crate::sanitize::visible;

/// The prefix of variables that set a value.
const PREFIX: &str = "GREENROOM__";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// The key is spelled as in the file.
    Exact,
    /// The key is spelled as in a variable: in any case, and with `_` for `-`.
    Loose,
}

/// The layer above the file that has set the value at a path, or a part of that value.
pub(super) fn origin_above_the_file(root: &Node, path: &[String]) -> Option<Origin> {
    let keys = path.iter();
    let found = keys
        .into_iter()
        .try_fold(root, |node, key| Some(&node.entry(key)?.node))?;
    first_above(found)
}

/// The layer above the file that has set a value, or a part of that value.
pub(super) fn first_above(node: &Node) -> Option<Origin> {
    if matches!(node.origin, Origin::Variable { .. } | Origin::Flag { .. }) {
        return Some(node.origin.clone());
    }
    match &node.value {
        Value::List(items) => items.iter().find_map(first_above),
        _ => node.entries().iter().find_map(|it| first_above(&it.node)),
    }
}

/// Selects the keys that a layer applies.
pub(super) type Wanted = fn(&[String]) -> bool;

/// Whether a layer sets a selected key.
pub(super) fn sets_any(
    environment: &BTreeMap<String, String>,
    overrides: &[(String, String)],
    is_wanted: Wanted,
) -> bool {
    let mut names = environment
        .keys()
        .filter_map(|name| name.strip_prefix(PREFIX));
    let mut keys = overrides.iter();
    names.any(|name| is_wanted(&path_of_variable(name)))
        || keys.any(|(key, _)| is_wanted(&path_of_flag(key)))
}

fn path_of_variable(rest: &str) -> Vec<String> {
    rest.split("__").map(str::to_owned).collect()
}

fn path_of_flag(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}

/// Applies the variables to the tree.
pub(super) fn variables(
    root: &mut Node,
    environment: &BTreeMap<String, String>,
    is_wanted: Wanted,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let path = path_of_variable(rest);
        if !is_wanted(&path) {
            continue;
        }
        let origin = Origin::Variable {
            name: visible(name),
        };
        set(root, &path, value, &origin, Spelling::Loose, problems);
    }
}

/// Applies the flags to the tree, in order.
pub(super) fn flags(
    root: &mut Node,
    overrides: &[(String, String)],
    is_wanted: Wanted,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in overrides {
        let path = path_of_flag(key);
        if !is_wanted(&path) {
            continue;
        }
        let origin = Origin::Flag { key: visible(key) };
        set(root, &path, value, &origin, Spelling::Exact, problems);
    }
}

fn set(
    root: &mut Node,
    path: &[String],
    text: &str,
    origin: &Origin,
    spelling: Spelling,
    problems: &mut Vec<Problem>,
) {
    let mut found = Vec::new();
    let locked = read_only_at(root);
    let setting = Setting {
        text,
        origin,
        spelling,
    };
    if let Err(WrongValue(says)) = setting.descend(root, &schema::INLINE, path, &mut found) {
        problems.push(Problem::new(origin.clone(), &found, says));
    }
    if let Some(at) = locked
        && read_only_at(root).is_none()
    {
        let says = format!(
            "{at} sets read-only mode, which a variable or flag cannot undo: remove this setting"
        );
        problems.push(Problem::new(origin.clone(), &found, says));
    }
}

/// The origin of read-only mode, if it is set.
pub(super) fn read_only_at(root: &Node) -> Option<Origin> {
    let console = root.entries().iter().find(|entry| entry.key == "console")?;
    let mut entries = console.node.entries().iter();
    let read_only = entries.find(|entry| entry.key == "read_only")?;
    let is_true = matches!(read_only.node.value, Value::Boolean(true));
    is_true.then(|| read_only.node.origin.clone())
}

struct Setting<'a> {
    text: &'a str,
    origin: &'a Origin,
    spelling: Spelling,
}

impl Setting<'_> {
    fn descend(
        &self,
        node: &mut Node,
        schema: &Json,
        path: &[String],
        found: &mut Vec<String>,
    ) -> Result<(), WrongValue> {
        let Some((first, rest)) = path.split_first() else {
            *node = self.leaf(schema)?;
            return Ok(());
        };
        let Some(table) = schema::as_table(schema) else {
            let shown = visible(first);
            let says = format!("this key has no keys below it, so `{shown}` is unknown");
            return Err(WrongValue(says));
        };
        let key = self.key(node, table, first);
        let Some(inner) = schema::property(table, &key) else {
            let near = suggestion(nearest(&key, schema::known(table).map(|(key, _)| key)));
            return Err(WrongValue(format!("unknown key `{}`{near}", visible(&key))));
        };
        found.push(key.clone());
        if !matches!(node.value, Value::Table(_)) {
            node.value = Value::Table(Vec::new());
            node.origin = self.origin.clone();
        }
        let Value::Table(entries) = &mut node.value else {
            return Ok(());
        };
        if let Some(index) = entries.iter().position(|entry| entry.key == key) {
            return self.descend(&mut entries[index].node, inner, rest, found);
        }
        let mut fresh = Entry {
            key,
            key_origin: self.origin.clone(),
            node: Node {
                value: Value::Table(Vec::new()),
                origin: self.origin.clone(),
            },
        };
        self.descend(&mut fresh.node, inner, rest, found)?;
        entries.push(fresh);
        Ok(())
    }

    /// The key that `written` means. With the exact spelling, this is `written`. With the loose spelling, this is the
    /// matching key of the schema or the tree. If none matches, this is `written`: in lower case with `-` for `_` in a
    /// table of names, in lower case in a table with fixed keys, and unchanged in a table with any keys.
    fn key(&self, node: &Node, table: &Json, written: &str) -> String {
        if self.spelling == Spelling::Exact {
            return written.to_owned();
        }
        let same = |key: &str| key.replace('-', "_").eq_ignore_ascii_case(written);
        let known = schema::known(table)
            .map(|(key, _)| key)
            .find(|key| same(key));
        let in_tree = || {
            node.entries()
                .iter()
                .map(|e| e.key.as_str())
                .find(|key| same(key))
        };
        if let Some(key) = known.or_else(in_tree) {
            return key.to_owned();
        }
        if table.get("propertyNames").is_some() {
            written.to_ascii_lowercase().replace('_', "-")
        } else if table.get("properties").is_some() {
            written.to_ascii_lowercase()
        } else {
            written.to_owned()
        }
    }

    fn leaf(&self, schema: &Json) -> Result<Node, WrongValue> {
        let kinds = schema::alternatives(schema).into_iter().map(schema::kind);
        let kinds: Vec<Option<&str>> = kinds.collect();
        let text = Node {
            value: Value::Text(self.text.to_owned()),
            origin: self.origin.clone(),
        };
        // Without quotes, `true` and `false` mean in a layer what they mean in the file, if the key may be a boolean.
        if kinds.contains(&Some("boolean"))
            && let Ok(is_set) = self.text.parse()
        {
            return Ok(Node {
                value: Value::Boolean(is_set),
                origin: self.origin.clone(),
            });
        }
        if kinds.contains(&Some("string")) {
            return Ok(text);
        }
        let shown = || visible(self.text);
        Err(WrongValue(match kinds.into_iter().flatten().next() {
            Some("object") => "this key is a whole table: set its values one by one".into(),
            kind => match (self.toml(), kind) {
                (Some(node), _) => return Ok(node),
                (None, None) => return Ok(text),
                (None, Some("integer" | "number")) => format!("`{}` is not a number", shown()),
                (None, Some("boolean")) => format!("`{}` is neither true nor false", shown()),
                (None, Some(_)) => "write a list as in the file: [\"one\", \"two\"]".into(),
            },
        }))
    }

    /// The text parsed as a TOML value; `None` if the text is not a TOML value.
    fn toml(&self) -> Option<Node> {
        let mut errors = Vec::new();
        let text = format!("value = {}", self.text);
        let tree = tree::parse(&Arc::from(""), &text, &mut errors);
        let [entry] = tree.entries() else {
            return None;
        };
        if !errors.is_empty() {
            return None;
        }
        let mut node = entry.node.clone();
        set_origin(&mut node, self.origin);
        Some(node)
    }
}

fn set_origin(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                set_origin(item, origin);
            }
        }
        Value::Table(entries) => {
            for entry in entries {
                entry.key_origin = origin.clone();
                set_origin(&mut entry.node, origin);
            }
        }
        _ => {}
    }
}
