//! The section of the console: its looks and its keys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::super::units::Time;
use crate::console::action::Action;

/// The looks and keys of the console.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct ConsoleSection {
    /// The theme: dark, light, high-contrast, deuteranopia, tritanopia, mono, or one of your own
    /// from the directory `themes` next to the user's configuration.
    pub(in crate::settings) theme: String,
    /// The themes that replace `theme` while a target of a tier is open.
    pub(in crate::settings) theme_by_tier: TierThemes,
    /// Whether to draw ASCII characters only; `auto` decides by the locale.
    pub(in crate::settings) ascii: AsciiChoice,
    /// How long a target stays armed.
    pub(in crate::settings) armed: Time,
    /// Whether the console uses the mouse.
    pub(in crate::settings) mouse: bool,
    /// When the terminal's bell rings: `waits` once for each new thing that waits for the operator, or `off`.
    pub(in crate::settings) bell: BellChoice,
    /// Whether Greenroom is read-only: neither the console nor a command can change anything.
    pub(in crate::settings) read_only: bool,
    /// Other keys for actions, e.g. `zoom = ["z", "F11"]`; an empty list removes all keys.
    pub(in crate::settings) keys: KeysSection,
}

impl Default for ConsoleSection {
    fn default() -> Self {
        Self {
            theme: "dark".into(),
            theme_by_tier: TierThemes::default(),
            ascii: AsciiChoice::Word(AsciiAuto::Auto),
            armed: Time(std::time::Duration::from_mins(5)),
            mouse: false,
            bell: BellChoice::Waits,
            read_only: false,
            keys: KeysSection::default(),
        }
    }
}

/// The themes that replace `theme`, by tier.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct TierThemes {
    /// The theme while a target of a development environment is open.
    pub(in crate::settings) development: Option<String>,
    /// The theme while a target of a staging environment is open.
    pub(in crate::settings) staging: Option<String>,
    /// The theme while a target of a protected environment is open.
    pub(in crate::settings) protected: Option<String>,
}

/// Whether to draw ASCII characters only.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::settings) enum AsciiChoice {
    Is(bool),
    Word(AsciiAuto),
}

/// Draws only ASCII characters if the locale has no other characters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum AsciiAuto {
    Auto,
}

/// When the terminal's bell rings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum BellChoice {
    Off,
    Waits,
}

/// The keys of actions, by the actions' names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::settings) struct KeysSection(pub(in crate::settings) BTreeMap<String, Vec<String>>);

impl JsonSchema for KeysSection {
    fn schema_name() -> Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let keys = json_schema!({
            "type": "array",
            "items": { "type": "string", "format": "key", "examples": ["g", "Ctrl-L", "F5"] },
        });
        let actions: serde_json::Map<String, serde_json::Value> = Action::all()
            .map(|action| (action.name().to_owned(), keys.clone().to_value()))
            .collect();
        json_schema!({
            "type": "object",
            "properties": actions,
            "additionalProperties": false,
        })
    }
}
