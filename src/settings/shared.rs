//! The tables of servers that environments share: `[defaults.etcd]` applies to each environment that stores its state
//! in etcd, key by key, unless the environment has the key itself. The keys are copied before anything is checked, so
//! the later modules see them as if they were written in the environment's table.

use std::collections::HashSet;

use super::problem::{Problem, dotted};
use super::tree::{Entry, Node, Value};

/// The values that were copied into environments.
pub(super) struct Shared {
    /// Each key in an environment, with the key in the defaults that it came from.
    keys: Vec<(String, String)>,
}

/// Copies the defaults' servers into each environment.
pub(super) fn copy_into_environments(tree: &mut Node) -> Shared {
    let mut shared = Shared { keys: Vec::new() };
    let defaults: Vec<Entry> = tree
        .entry("defaults")
        .map(|defaults| defaults.node.entries().to_vec())
        .unwrap_or_default();
    let tables = defaults
        .into_iter()
        .filter(|entry| is_server(&entry.key) && matches!(entry.node.value, Value::Table(_)));
    let tables: Vec<Entry> = tables.collect();
    let Some(environments) = entry_mut(tree, "environments") else {
        return shared;
    };
    for environment in entries_mut(&mut environments.node) {
        for table in &tables {
            if uses(&environment.node, &table.key) {
                shared.copy_table(environment, table);
            }
        }
    }
    shared
}

/// Whether a table of the defaults describes a server and is copied into environments.
pub(super) fn is_server(key: &str) -> bool {
    matches!(key, "docker" | "registry" | "etcd" | "nginx")
}

/// Whether an environment uses the kind of server that a table describes.
fn uses(environment: &Node, table: &str) -> bool {
    let is = |key: &str, word: &str| {
        let value = environment.entry(key).map(|entry| &entry.node.value);
        value.map(|value| matches!(value, Value::Text(text) if text == word))
    };
    match table {
        "docker" | "registry" => is("runtime", "docker").unwrap_or(true),
        "etcd" => is("store", "etcd").unwrap_or(environment.entry("sqlite").is_none()),
        "nginx" => is("proxy", "nginx").unwrap_or(environment.entry("embedded").is_none()),
        _ => false,
    }
}

impl Shared {
    fn copy_table(&mut self, environment: &mut Entry, table: &Entry) {
        let name = environment.key.clone();
        let copy_path = ["environments", &name, &table.key].map(str::to_owned);
        let default_path = ["defaults", &table.key].map(str::to_owned);
        let Some(own) = entry_mut(&mut environment.node, &table.key) else {
            self.keys.push((dotted(&copy_path), dotted(&default_path)));
            if let Value::Table(entries) = &mut environment.node.value {
                entries.push(table.clone());
            }
            return;
        };
        for entry in table.node.entries() {
            if own.node.entry(&entry.key).is_some() {
                continue;
            }
            let key = [entry.key.clone()];
            let below = |path: &[String]| dotted(&[path, &key].concat());
            self.keys.push((below(&copy_path), below(&default_path)));
            if let Value::Table(entries) = &mut own.node.value {
                entries.push(entry.clone());
            }
        }
    }

    /// Makes sure that a wrong shared value is reported once, with the key of the table in which it is written.
    pub(super) fn report_once(&self, problems: &mut Vec<Problem>) {
        for problem in problems.iter_mut() {
            let found = self.keys.iter().find_map(|(copied, default)| {
                let rest = problem.key.strip_prefix(copied.as_str())?;
                let is_within = rest.is_empty() || rest.starts_with(['.', '[']);
                is_within.then(|| format!("{default}{rest}"))
            });
            if let Some(key) = found {
                problem.key = key;
            }
        }
        let mut reported = HashSet::new();
        problems.retain(|problem| reported.insert((problem.key.clone(), problem.says.clone())));
    }
}

fn entry_mut<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Entry> {
    entries_mut(node).iter_mut().find(|entry| entry.key == key)
}

fn entries_mut(node: &mut Node) -> &mut [Entry] {
    match &mut node.value {
        Value::Table(entries) => entries,
        _ => &mut [],
    }
}
