//! The section of the console: its looks and its keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::console::action::Action;
use crate::inventory::Tier;
use crate::inventory::units::{Time, Written};

/// The looks and keys of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSettings {
    /// The theme: dark, light, high-contrast, deuteranopia, tritanopia, mono, or one of your own from the directory
    /// `themes` next to the user's configuration.
    pub theme: String,
    /// The themes that replace `theme` while a target of a tier is open.
    pub theme_by_tier: TierThemes,
    /// Whether to draw ASCII characters only; `auto` decides by the locale.
    pub ascii: AsciiSetting,
    /// How long a target stays armed.
    #[serde(with = "Written::<Time>")]
    pub armed: Duration,
    /// Whether the console uses the mouse.
    pub mouse: bool,
    /// When the terminal's bell rings: `waits` once for each new item that waits for the operator, or `off`.
    pub bell: BellSetting,
    /// Whether Greenroom is read-only: neither the console nor a command can change anything.
    pub read_only: bool,
    /// Other keys for actions, e.g. `zoom = ["z", "F11"]`; an empty list removes all keys.
    pub keys: KeysSection,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            theme: "dark".into(),
            theme_by_tier: TierThemes::default(),
            ascii: AsciiSetting::Auto,
            armed: Duration::from_mins(5),
            mouse: false,
            bell: BellSetting::Waits,
            read_only: false,
            keys: KeysSection::default(),
        }
    }
}

/// The themes that replace `theme`, by tier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TierThemes {
    /// The theme while a target of a development environment is open.
    pub development: Option<String>,
    /// The theme while a target of a staging environment is open.
    pub staging: Option<String>,
    /// The theme while a target of a protected environment is open.
    pub protected: Option<String>,
}

impl TierThemes {
    /// Each tier with its theme, if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (Tier, Option<&String>)> {
        let themes = [
            (Tier::Development, &self.development),
            (Tier::Staging, &self.staging),
            (Tier::Protected, &self.protected),
        ];
        themes
            .into_iter()
            .map(|(tier, theme)| (tier, theme.as_ref()))
    }
}

/// Whether to draw ASCII characters only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AsciiSetting {
    /// Only if the locale has no other characters.
    Auto,
    #[serde(untagged)]
    Is(bool),
}

/// When the terminal's bell rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BellSetting {
    Off,
    /// Once for each new item that waits for the operator.
    Waits,
}

/// The keys of actions, by the actions' names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysSection(pub BTreeMap<String, Vec<String>>);

impl JsonSchema for KeysSection {
    fn schema_name() -> Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let keys = json_schema!({
            "type": "array",
            "items": { "type": "string", "format": "key", "examples": ["g", "Ctrl-L", "F5"] },
        });
        let actions: serde_json::Map<String, serde_json::Value> = Action::ALL
            .iter()
            .map(|action| (action.name().to_owned(), keys.clone().to_value()))
            .collect();
        json_schema!({
            "type": "object",
            "properties": actions,
            "additionalProperties": false,
        })
    }
}
