//! What can be found by its name: actions, targets, themes; and the lines of the help.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Model, TextLine, why_not};
use crate::console::action::Action;
use crate::console::action_names::Purpose;
use crate::console::keymap::Bound;
use crate::inventory::Target;

/// Finds something by its name, and does it.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// What is typed so far.
    pub line: TextLine,
    /// The row under the cursor.
    pub row: usize,
}

/// All keys, and the line that searches them.
#[derive(Debug, Clone, Default)]
pub struct Help {
    /// What is typed so far.
    pub line: TextLine,
    /// How many lines are scrolled away above.
    pub top: usize,
}

/// What can be done from the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaletteChoice {
    /// What a key would do.
    Act(Action),
    /// Open a target.
    Open(Target),
    /// Wear a theme.
    Wear(String),
}

/// One line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it does.
    pub choice: PaletteChoice,
    /// Its keys, as they are written.
    pub keys: String,
    /// Its name.
    pub name: String,
    /// What it does, in words.
    pub help: String,
    /// Why it cannot be done now.
    pub why_not: Option<String>,
}

/// Everything that fits what is typed, the best first; in the order of the table while nothing is.
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
        help: "wear this theme".into(),
        why_not: (model.theme() == name).then(|| "it is worn already".into()),
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

/// The keys of a line as they are written, one after the other.
fn written(bound: &Bound) -> String {
    let keys: Vec<String> = bound.keys.iter().map(ToString::to_string).collect();
    keys.join(" ")
}

/// One line of the help.
pub type Helped<'a> = (&'a Bound, String);

/// The lines of the table that fit what is typed, each with its keys, by what they are for.
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

/// What fits a text by its name, or word for word by its help; the best first.
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
        // A name that fits is meant; a help that mentions the words is only worth a look.
        let score = name.map(|score| score + 1000).or(help);
        scored.extend(score.map(|score| (score, thing)));
    }
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, thing)| thing).collect()
}
