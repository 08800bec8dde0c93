//! Takes what is wrong out of a tree, so that the rest can be looked at as well and all errors
//! are said at once; and knows which findings about the rest would only be echoes.

use serde_json::Value as Json;

use super::problem::{Problem, dotted};
use super::schema;
use super::tree::{Node, Value};

/// What was taken out.
pub(super) struct Pruned {
    keys: Vec<String>,
}

/// Takes the values at these paths out, and whatever cannot be without them.
pub(super) fn prune(tree: &mut Node, wrong: &[Vec<String>]) -> Pruned {
    for path in wrong {
        must_go(tree, &schema::INLINE, path);
    }
    Pruned {
        keys: wrong.iter().map(|path| dotted(path)).collect(),
    }
}

/// Whether the node itself cannot stay. An item of a list takes the list with it: the others
/// would be counted differently from how they stand in the file.
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
    /// Whether a finding stands on its own, and is not there only because something was taken out.
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

/// What is judged differently without a key.
enum Reach {
    /// A whole section or environment is not there.
    Everything,
    /// Services look at where their environment's systems are.
    Services,
    /// Nobody else looks at it.
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
