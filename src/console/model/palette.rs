//! What can be found by name: actions, targets, themes. Also the lines of the help.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Model, TextLine, why_not};
use crate::console::action::Action;
use crate::console::action_names::Purpose;
use crate::console::keymap::Bound;
use crate::inventory::Target;

/// Finds an entry by its name, and runs it.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    pub line: TextLine,
    pub row: usize,
}

/// All keys, with a line that searches them.
#[derive(Debug, Clone, Default)]
pub struct Help {
    pub line: TextLine,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
}

/// What an entry of the palette does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaletteChoice {
    /// The same as its key.
    Act(Action),
    Open(Target),
    /// Use a theme.
    Wear(String),
}

/// One entry of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub choice: PaletteChoice,
    /// The names of its keys.
    pub keys: String,
    pub name: String,
    /// What it does, in words.
    pub help: String,
    /// Why it is not available now.
    pub why_not: Option<String>,
}

/// All entries that match the typed text, the best match first. Without text, in the order of the table.
pub fn palette_entries(model: &Model, palette: &Palette) -> Vec<Found> {
    let mut all: Vec<Found> = model
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
                all.push(of_target(model, target));
            }
        }
    }
    all.extend(model.looks.themes.iter().map(|name| Found {
        choice: PaletteChoice::Wear(name.clone()),
        keys: String::new(),
        name: format!("theme {name}"),
        help: "use this theme".into(),
        why_not: (model.theme() == name).then(|| "it is in use already".into()),
    }));
    fitting(palette.line.text(), all, |found| {
        (found.name.clone(), found.help.clone())
    })
}

fn of_action(model: &Model, bound: &Bound) -> Found {
    let binding = bound.binding;
    Found {
        choice: PaletteChoice::Act(binding.action),
        keys: written(bound),
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
        why_not: is_open.then(|| "it is open already".into()),
        choice: PaletteChoice::Open(target),
    }
}

/// The names of a binding's keys, in order.
fn written(bound: &Bound) -> String {
    let keys: Vec<String> = bound.keys.iter().map(ToString::to_string).collect();
    keys.join(" ")
}

/// A line of the help: a binding and the names of its keys.
pub type Helped<'a> = (&'a Bound, String);

/// The bindings that match the typed text, each with its keys, grouped by purpose.
pub fn helped<'a>(model: &'a Model, text: &str) -> Vec<(Purpose, Vec<Helped<'a>>)> {
    let all: Vec<Helped<'a>> = model
        .keymap
        .lines()
        .map(|bound| (bound, written(bound)))
        .collect();
    let words = |(bound, keys): &Helped<'a>| {
        let binding = bound.binding;
        let name = format!("{keys} {} {}", binding.label, binding.action.name());
        (name, binding.help.to_owned())
    };
    let fit = fitting(text, all, words);
    let groups = Purpose::ALL.into_iter().map(|purpose| {
        let of = |(bound, _): &&Helped<'a>| bound.binding.action.purpose() == purpose;
        (purpose, fit.iter().filter(of).cloned().collect())
    });
    groups
        .filter(|(_, lines): &(_, Vec<_>)| !lines.is_empty())
        .collect()
}

/// The items whose name matches the text, or whose help contains its words; the best match first.
fn fitting<T>(text: &str, all: Vec<T>, words: impl Fn(&T) -> (String, String)) -> Vec<T> {
    if text.trim().is_empty() {
        return all;
    }
    let (case, normal) = (CaseMatching::Ignore, Normalization::Smart);
    let by_name = Pattern::new(text, case, normal, AtomKind::Fuzzy);
    let by_help = Pattern::new(text, case, normal, AtomKind::Substring);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut room = Vec::new();
    let mut scored: Vec<(u32, T)> = Vec::new();
    for thing in all {
        let (name, help) = words(&thing);
        let name = by_name.score(Utf32Str::new(&name, &mut room), &mut matcher);
        let help = by_help.score(Utf32Str::new(&help, &mut room), &mut matcher);
        // A match in the name comes before a match in the help.
        let score = name.map(|score| score + 1000).or(help);
        scored.extend(score.map(|score| (score, thing)));
    }
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, thing)| thing).collect()
}
