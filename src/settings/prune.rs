//! Removes wrong values from a tree, so that the other values can be checked and all errors are reported together.
//! Decides which findings about the other values are only consequences of a removed value.

use serde_json::Value as Json;

use super::problem::{Problem, dotted};
use super::schema;
use super::tree::{Node, Value};

/// The keys of the wrong values. All of these values were removed.
pub(super) struct Pruned {
    keys: Vec<String>,
}

/// Removes the values at these paths, and everything that cannot exist without them.
pub(super) fn prune(tree: &mut Node, wrong: &[Vec<String>]) -> Pruned {
    for path in wrong {
        remove(tree, &schema::INLINE, path);
    }
    Pruned {
        keys: wrong.iter().map(|path| dotted(path)).collect(),
    }
}

/// Removes the value at a path below the node. Returns whether the node itself must be removed too. If an item is
/// wrong, its whole list is removed, because the other items would get other numbers than in the file.
fn remove(node: &mut Node, schema: &Json, path: &[String]) -> bool {
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
    let is_removed = inner.is_none_or(|inner| remove(&mut entries[index].node, inner, rest));
    if !is_removed {
        return false;
    }
    entries.remove(index);
    let required = table.get("required").and_then(Json::as_array);
    let least = table.get("minProperties").and_then(Json::as_u64);
    required.is_some_and(|keys| keys.iter().any(|key| key == first))
        || (entries.is_empty() && least.is_some())
}

impl Pruned {
    /// Whether a finding cannot be a consequence of a removed value.
    pub(super) fn is_independent(&self, finding: &Problem) -> bool {
        self.keys.iter().all(|key| {
            let is_separate = !is_within(key, &finding.key) && !is_within(&finding.key, key);
            let reach = Reach::of(key);
            is_separate
                && match reach {
                    Reach::Everything => false,
                    Reach::Services => finding.key.starts_with("environments."),
                    Reach::Itself => true,
                }
        })
    }
}

/// Which findings can be consequences of a removed key.
enum Reach {
    /// The key is a whole section or environment: every finding can be a consequence.
    Everything,
    /// The key describes a server of an environment: findings outside of the environments can be consequences.
    Services,
    /// Only findings about the key, a key below it or a table around it are consequences.
    Itself,
}

impl Reach {
    fn of(key: &str) -> Self {
        match key.split('.').collect::<Vec<_>>().as_slice() {
            [_] | ["environments", _] => Self::Everything,
            ["environments", _, "timing" | "lock" | "rules" | "tier", ..]
            | ["environments", .., "password"] => Self::Itself,
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
