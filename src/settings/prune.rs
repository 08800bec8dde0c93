//! Removes wrong values from a tree, so that the rest can be checked and all errors
//! are reported at once. Also knows which findings about the rest are only consequences.

use serde_json::Value as Json;

use super::problem::{Problem, dotted};
use super::schema;
use super::tree::{Node, Value};

/// The removed keys.
pub(super) struct Pruned {
    keys: Vec<String>,
}

/// Removes the values at these paths, and everything that cannot exist without them.
pub(super) fn prune(tree: &mut Node, wrong: &[Vec<String>]) -> Pruned {
    for path in wrong {
        must_go(tree, &schema::INLINE, path);
    }
    Pruned {
        keys: wrong.iter().map(|path| dotted(path)).collect(),
    }
}

/// Whether the node itself must be removed. An item removes its whole list: the other items
/// would have other numbers than in the file.
fn must_go(node: &mut Node, schema: &Json, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    let (Some(table), Value::Table(entries)) = (schema::as_table(schema), &mut node.value) else {
        return true;
    };
    let Some(index) = entries.iter().position(|entry| entry.key == *first) else {
        return false;
    };
    let inner = schema::property(table, first);
    let gone = inner.is_none_or(|inner| must_go(&mut entries[index].node, inner, rest));
    if !gone {
        return false;
    }
    entries.remove(index);
    let required = table.get("required").and_then(Json::as_array);
    required.is_some_and(|keys| keys.iter().any(|key| key == first))
}

impl Pruned {
    /// Whether a finding is not just a consequence of a removed value.
    pub(super) fn stands(&self, finding: &Problem) -> bool {
        self.keys.iter().all(|key| {
            let apart = !is_within(key, &finding.key) && !is_within(&finding.key, key);
            let reach = Reach::of(key);
            apart
                && match reach {
                    Reach::Everything => false,
                    Reach::Services => finding.key.starts_with("environments."),
                    Reach::Itself => true,
                }
        })
    }
}

/// Which findings depend on a key.
enum Reach {
    /// A whole section or environment: everything depends on it.
    Everything,
    /// An environment's system: services depend on it.
    Services,
    /// Nothing else depends on it.
    Itself,
}

impl Reach {
    fn of(key: &str) -> Self {
        match key.split('.').collect::<Vec<_>>().as_slice() {
            [_] | ["environments", _] => Self::Everything,
            ["environments", _, "timing" | "lock" | "rules" | "tier", ..] => Self::Itself,
            ["environments", ..] => Self::Services,
            _ => Self::Itself,
        }
    }
}

fn is_within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}
