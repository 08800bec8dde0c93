//! Lists every value in effect with its origin, for `config show`. For a secret, the list has the source, not the
//! secret. A plain text that may be or contain a secret is replaced.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;
use serde_json::Value as Json;

use super::check::looks_secret;
use super::model::Root;
use super::origin::Origin;
use super::problem::dotted;
use super::tree::{Node, Value};
use super::{Settings, schema, timing};
use crate::checks::{hide_in_query, may_be_secret};
use crate::inventory::HIDDEN;
use crate::inventory::units::{Time, Unit as _};
use crate::release::{TIMING, Timing};
use crate::sanitize::sanitize;

/// One value in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveValue {
    /// The key, e.g. `services.web.image`.
    pub key: String,
    /// The value in TOML, or a replacement if the value is hidden.
    pub value: String,
    pub origin: Origin,
    /// The hash of a value that is hidden, so that two hidden values can be compared.
    #[serde(skip)]
    hidden_hash: Option<u64>,
}

impl EffectiveValue {
    /// Whether `other` has the same value, even if the values are hidden.
    pub(super) fn has_value_of(&self, other: &Self) -> bool {
        self.value == other.value && self.hidden_hash == other.hidden_hash
    }
}

impl EffectiveValue {
    /// An object with the key, the value in its own type and the origin. If the value can be read as a duration, also
    /// with `value_ms`.
    pub fn json(&self) -> Json {
        let read = toml::from_str::<BTreeMap<String, Json>>(&format!("value = {}", self.value));
        let value = read.ok().and_then(|mut read| read.remove("value"));
        let value = value.unwrap_or_else(|| self.value.clone().into());
        let time = value.as_str().and_then(|text| Time::read(text).ok());
        let mut json = serde_json::json!({
            "key": self.key,
            "value": value,
            "origin": self.origin,
        });
        if let Some(time) = time.and_then(|time| u64::try_from(time.as_millis()).ok()) {
            json["value_ms"] = time.into();
        }
        json
    }
}

/// All values in effect: the written values, the built-in values of the keys that are not written, the lease and
/// heartbeat of each environment, and the timing of each target.
pub(super) fn values_in_effect(
    tree: &Node,
    root: &Root,
    settings: &Settings,
) -> Vec<EffectiveValue> {
    let mut listing = Listing {
        path: Vec::new(),
        values: Vec::new(),
    };
    listing.node(&schema::INLINE, tree);
    listing.locks(tree, root);
    for target in &settings.targets {
        let names = &target.definition.target;
        listing.timing(
            tree,
            names.service.as_str(),
            names.environment.as_str(),
            &target.definition.timing,
        );
    }
    listing.values
}

struct Listing {
    path: Vec<String>,
    values: Vec<EffectiveValue>,
}

impl Listing {
    fn push(&mut self, value: String, origin: Origin) {
        let key = dotted(&self.path);
        self.values.push(EffectiveValue {
            key,
            value,
            origin,
            hidden_hash: None,
        });
    }

    /// Adds a value that is hidden: the list shows `replacement` instead.
    fn push_hidden(&mut self, value: &str, replacement: String, origin: Origin) {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        self.push(replacement, origin);
        if let Some(added) = self.values.last_mut() {
            added.hidden_hash = Some(hasher.finish());
        }
    }

    fn node(&mut self, schema: &Json, node: &Node) {
        match &node.value {
            Value::Table(_) => {
                let table = schema::as_table(schema).unwrap_or(schema);
                self.table(table, node);
            }
            Value::List(items)
                if items
                    .iter()
                    .any(|item| matches!(item.value, Value::Table(_))) =>
            {
                let each = schema.get("items").unwrap_or(&Json::Null);
                for (index, item) in items.iter().enumerate() {
                    self.path.push(format!("[{index}]"));
                    self.node(each, item);
                    self.path.pop();
                }
            }
            _ => {
                let value = node.plain().to_string();
                match self.replacement(node) {
                    Some(replacement) => {
                        self.push_hidden(&value, replacement, node.origin.clone());
                    }
                    None => self.push(sanitize(&value), node.origin.clone()),
                }
            }
        }
    }

    fn table(&mut self, schema: &Json, node: &Node) {
        for entry in node.entries() {
            self.path.push(entry.key.clone());
            // The servers of `defaults` were copied into the environments and are listed there. `locks` and `timing`
            // list the other inherited keys, with the values that apply to each environment or target.
            if !self.is_inherited() {
                let inner = schema::property(schema, &entry.key).unwrap_or(&Json::Null);
                self.node(inner, &entry.node);
            }
            self.path.pop();
        }
        for (key, inner) in schema::known(schema) {
            if node.entry(key).is_some() {
                continue;
            }
            self.path.push(key.to_owned());
            match inner.get("default") {
                _ if self.is_inherited() => {}
                Some(Json::Object(_)) => self.node(inner, &Node::empty()),
                Some(Json::Array(items)) if items.is_empty() => {}
                Some(value) => self.push(value.to_string(), Origin::BuiltIn),
                None => {}
            }
            self.path.pop();
        }
    }

    /// The text to show instead of a value that may be or contain a secret; `None` if the value can be shown.
    fn replacement(&self, node: &Node) -> Option<String> {
        let [.., table, name] = self.path.as_slice() else {
            return None;
        };
        let looks_secret = match table.as_str() {
            "environment" | "labels" | "options" => looks_secret(name),
            "headers" | "query" => may_be_secret(name),
            // A check's request body may be a login.
            _ => name == "body",
        };
        if looks_secret {
            return Some("(hidden: it looks like a secret)".to_owned());
        }
        let Value::Text(text) = &node.value else {
            return None;
        };
        let safe = match name.as_str() {
            "path" => hide_in_query(text).0,
            // Anyone who knows the address of an incoming webhook can post to it.
            "url" => address_only(text),
            _ => sanitize(text),
        };
        (safe != sanitize(text)).then(|| format!("{:?}", sanitize(&safe)))
    }

    /// Whether a value below this path applies only where an environment or target inherits it.
    fn is_inherited(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        matches!(
            path.as_slice(),
            ["defaults", _]
                | ["environments", _, "timing" | "lock"]
                | ["services", _, "timing"]
                | ["services", _, "environments", _, "timing"]
        )
    }

    /// Adds the value of a key in the first of `tables`. Its origin is the first of these tables that has the key.
    fn push_inherited(&mut self, tree: &Node, tables: &[Vec<&str>], key: &str, value: &str) {
        let written = tables.iter().find_map(|table| tree.at(table)?.entry(key));
        let origin = written.map_or(Origin::BuiltIn, |entry| entry.node.origin.clone());
        let nearest = tables.first().map(Vec::as_slice).unwrap_or_default();
        self.path = nearest.iter().map(|part| (*part).to_owned()).collect();
        self.path.push(key.to_owned());
        self.push(format!("\"{value}\""), origin);
        self.path.clear();
    }

    fn locks(&mut self, tree: &Node, root: &Root) {
        for (name, section) in root.environments.iter() {
            let (lease, heartbeat) = timing::lock(root, section);
            let tables = [vec!["environments", name, "lock"], vec!["defaults", "lock"]];
            self.push_inherited(tree, &tables, "lease", &Time::write(lease));
            self.push_inherited(tree, &tables, "heartbeat", &Time::write(heartbeat));
        }
    }

    fn timing(&mut self, tree: &Node, service: &str, environment: &str, timing: &Timing) {
        let tables = [
            vec!["services", service, "environments", environment, "timing"],
            vec!["services", service, "timing"],
            vec!["environments", environment, "timing"],
            vec!["defaults", "timing"],
        ];
        for row in TIMING {
            let value = String::from((row.get)(timing));
            self.push_inherited(tree, &tables, row.key, &value);
        }
    }
}

/// A URL whose path and query are replaced.
fn address_only(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return HIDDEN.to_owned();
    };
    match rest.find(['/', '?', '#']) {
        Some(end) if end + 1 < rest.len() => format!("{scheme}://{}/{HIDDEN}", &rest[..end]),
        _ => url.to_owned(),
    }
}

/// The values as text, one per line, with the origins as comments.
pub(super) fn text(values: &[EffectiveValue]) -> String {
    let mut text = String::new();
    for shown in values {
        let _ = writeln!(text, "{} = {}  # {}", shown.key, shown.value, shown.origin);
    }
    text
}
