//! Finds entries by a typed text, for the palette and the help.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::console::keymap::Bound;

/// The names of the keys of a binding, separated by spaces.
pub(super) fn key_names(bound: &Bound) -> String {
    let keys: Vec<String> = bound.keys.iter().map(ToString::to_string).collect();
    keys.join(" ")
}

/// The items whose name matches the text, or whose help contains the text, the best match first. Without a text, all
/// items. `searched` returns the name and the help of an item.
pub(super) fn matching<T>(
    text: &str,
    items: Vec<T>,
    searched: impl Fn(&T) -> (String, String),
) -> Vec<T> {
    if text.trim().is_empty() {
        return items;
    }
    let (case, normal) = (CaseMatching::Ignore, Normalization::Smart);
    let by_name = Pattern::new(text, case, normal, AtomKind::Fuzzy);
    let by_help = Pattern::new(text, case, normal, AtomKind::Substring);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, T)> = Vec::new();
    for item in items {
        let (name, help) = searched(&item);
        let name = by_name.score(Utf32Str::new(&name, &mut buffer), &mut matcher);
        let help = by_help.score(Utf32Str::new(&help, &mut buffer), &mut matcher);
        // Every match in a name comes before all matches in the help.
        let score = name.map(|score| score + 1000).or(help);
        scored.extend(score.map(|score| (score, item)));
    }
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, item)| item).collect()
}
