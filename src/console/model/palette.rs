//! The entries of the palette (actions, targets and themes) and the lines of the help, each filtered by a typed text.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Model, TextLine, why_not};
use crate::console::action::Action;
use crate::console::action_names::Purpose;
use crate::console::keymap::Bound;
use crate::inventory::Target;

/// The dialog that finds an action, a target or a theme by its name.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    pub line: TextLine,
    pub row: usize,
}

/// The dialog that lists all keys, with a search line.
#[derive(Debug, Clone, Default)]
pub struct Help {
    pub line: TextLine,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
}

/// What Enter on an entry of the palette does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaletteChoice {
    /// Run the action.
    Act(Action),
    Open(Target),
    Wear(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub choice: PaletteChoice,
    /// The names of the keys, separated by spaces. Empty for a target, a theme, or an action without a key.
    pub keys: String,
    pub name: String,
    /// What Enter does, in a few words.
    pub help: String,
    /// Why the entry cannot be used now.
    pub why_not: Option<String>,
}

/// All entries that match the typed text, the best match first. Without a text, all entries: first the actions, then
/// the targets, then the themes.
pub fn palette_entries(model: &Model, palette: &Palette) -> Vec<Found> {
    let mut entries: Vec<Found> = model
        .keymap
        .lines()
        .filter(|bound| bound.binding.action != Action::Palette)
        .map(|bound| of_action(model, bound))
        .collect();
    let environments = &model.world.environments;
    for service in &model.world.services {
        for (environment, _) in environments {
            let target = Target::new(service.clone(), environment.clone());
            if model.world.get(&target).is_some() {
                entries.push(of_target(model, target));
            }
        }
    }
    entries.extend(model.looks.themes.iter().map(|name| Found {
        choice: PaletteChoice::Wear(name.clone()),
        keys: String::new(),
        name: format!("theme {name}"),
        help: "use this theme".into(),
        why_not: (model.theme() == name).then(|| "this theme is in use already".into()),
    }));
    matching(palette.line.text(), entries, |found| {
        (found.name.clone(), found.help.clone())
    })
}

fn of_action(model: &Model, bound: &Bound) -> Found {
    let binding = bound.binding;
    Found {
        choice: PaletteChoice::Act(binding.action),
        keys: key_names(bound),
        name: binding.label.to_owned(),
        help: binding.help.to_owned(),
        why_not: why_not(model, binding.action),
    }
}

fn of_target(model: &Model, target: Target) -> Found {
    let is_open = model.open.as_ref() == Some(&target);
    Found {
        keys: String::new(),
        name: format!("open {target}"),
        help: format!("open this target ({})", model.tier(&target)),
        why_not: is_open.then(|| "this target is open already".into()),
        choice: PaletteChoice::Open(target),
    }
}

/// The names of the keys of a binding, separated by spaces.
fn key_names(bound: &Bound) -> String {
    let keys: Vec<String> = bound.keys.iter().map(ToString::to_string).collect();
    keys.join(" ")
}

/// A line of the help: a binding and the names of its keys.
pub type Helped<'a> = (&'a Bound, String);

/// The bindings that match the typed text, grouped by purpose. A purpose without a match is left out.
pub fn helped<'a>(model: &'a Model, text: &str) -> Vec<(Purpose, Vec<Helped<'a>>)> {
    let lines: Vec<Helped<'a>> = model
        .keymap
        .lines()
        .map(|bound| (bound, key_names(bound)))
        .collect();
    let searched = |(bound, keys): &Helped<'a>| {
        let binding = bound.binding;
        let name = format!("{keys} {} {}", binding.label, binding.action.name());
        (name, binding.help.to_owned())
    };
    let matched = matching(text, lines, searched);
    let groups = Purpose::ALL.into_iter().map(|purpose| {
        let of = |(bound, _): &&Helped<'a>| bound.binding.action.purpose() == purpose;
        (purpose, matched.iter().filter(of).cloned().collect())
    });
    groups
        .filter(|(_, lines): &(_, Vec<_>)| !lines.is_empty())
        .collect()
}

/// The items whose name matches the text, or whose help contains the text, the best match first. Without a text, all
/// items. `searched` returns the name and the help of an item.
fn matching<T>(text: &str, items: Vec<T>, searched: impl Fn(&T) -> (String, String)) -> Vec<T> {
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
