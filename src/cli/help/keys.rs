//! The table of keys in `greenroom help keys`, made from the console's own table.

use super::markdown;
use crate::console::action::bindings;

/// The table as Markdown.
pub(super) fn table() -> String {
    let rows = bindings().map(|binding| {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let place = binding.scope.place();
        let place = place.map_or(String::new(), |place| format!("{place}: "));
        format!("{} | {place}{}", keys.join(" "), binding.help)
    });
    markdown::table_text("key | what it does", rows)
}
