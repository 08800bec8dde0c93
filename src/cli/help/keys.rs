//! The table of keys in `greenroom help keys`, made from the console's own table.

use std::fmt::Write as _;

use crate::console::action::bindings;

/// The table as Markdown.
pub(super) fn table() -> String {
    let mut text = "| key | what it does |\n|---|---|".to_owned();
    for binding in bindings() {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let place = binding.scope.place();
        let place = place.map_or(String::new(), |place| format!("{place}: "));
        let _ = write!(text, "\n| {} | {place}{} |", keys.join(" "), binding.help);
    }
    text
}
