//! Collects the console's theme, characters and keys from the configuration, the operator's own themes and the
//! environment variables of the terminal.

use std::collections::BTreeMap;

use crate::console::action::Action;
use crate::console::keymap::Chord;
use crate::console::model::{Bell, Looks};
use crate::console::theme::{ThemeError, Written};
use crate::console::{Charset, Depth, Keymap, ThemeSet};
use crate::settings::{AsciiSetting, BellSetting, ConsoleSettings, own_themes};

/// The themes, looks and keys with which the console opens.
pub(super) struct ConsoleSetup {
    pub(super) theme_set: ThemeSet,
    pub(super) looks: Looks,
    pub(super) keymap: Keymap,
    /// The themes and keys that could not be used, and why.
    pub(super) remarks: Vec<String>,
}

/// Why the configured looks cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LooksError {
    #[error("the configured theme cannot be used: {0}")]
    Theme(#[from] ThemeError),
    #[error("the configured theme cannot be used: {0}")]
    Unreadable(String),
}

/// Collects the looks and keys. A theme that cannot be used is an error if it is configured, otherwise a remark.
pub(super) fn load(console: &ConsoleSettings) -> Result<ConsoleSetup, LooksError> {
    let variable = |name: &str| std::env::var(name).ok();
    let depth = Depth::from_environment(variable);
    let charset = match console.ascii {
        AsciiSetting::Is(true) => Charset::Ascii,
        AsciiSetting::Is(false) => Charset::Unicode,
        AsciiSetting::Auto => Charset::from_environment(variable),
    };
    let chosen: Vec<&str> = std::iter::once(&console.theme)
        .chain(console.theme_by_tier.iter().filter_map(|(_, name)| name))
        .map(String::as_str)
        .collect();
    let mut remarks = Vec::new();
    let mut own = Vec::new();
    for theme in own_themes() {
        let file = theme.path.display().to_string();
        match theme.text {
            Ok(text) => own.push(Written {
                name: theme.name,
                file,
                text,
            }),
            Err(why) if chosen.contains(&theme.name.as_str()) => {
                return Err(LooksError::Unreadable(format!("{file}: {why}")));
            }
            Err(why) => remarks.push(format!(
                "theme {} cannot be used: {file}: {why}",
                theme.name
            )),
        }
    }
    let (theme_set, unusable) = ThemeSet::new(&own, depth, charset);
    for (name, error) in unusable {
        if chosen.contains(&name.as_str()) {
            return Err(error.into());
        }
        remarks.push(format!("theme {name} cannot be used: {error}"));
    }
    let keymap = Keymap::rebound(&key_overrides(&console.keys.0));
    remarks.extend(keymap.clashes().iter().map(ToString::to_string));
    let looks = Looks {
        themes: theme_set.names().map(str::to_owned).collect(),
        theme: console.theme.clone(),
        theme_by_tier: (console.theme_by_tier.iter())
            .filter_map(|(tier, theme)| Some((tier, theme?.clone())))
            .collect(),
        mouse: console.mouse,
        bell: match console.bell {
            BellSetting::Off => Bell::Off,
            BellSetting::Waits => Bell::Waits,
        },
        ..Looks::default()
    };
    Ok(ConsoleSetup {
        theme_set,
        looks,
        keymap,
        remarks,
    })
}

/// The configured keys. The check of the configuration has already refused unknown actions and keys, so none is left
/// out here.
fn key_overrides(keys: &BTreeMap<String, Vec<String>>) -> Vec<(Action, Vec<Chord>)> {
    let key_override = |(name, keys): (&String, &Vec<String>)| {
        let chords = keys.iter().filter_map(|key| Chord::parse(key).ok());
        Some((Action::named(name)?, chords.collect()))
    };
    keys.iter().filter_map(key_override).collect()
}
