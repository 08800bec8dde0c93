//! Secrets as written: where to read them, never what they are.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inventory::SecretSource;

/// Where a secret is read from: exactly one of the three.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct SecretSection {
    /// A variable of Greenroom's own environment.
    pub(in crate::settings) env: Option<String>,
    /// A file; the secret is its whole text less one final newline.
    pub(in crate::settings) file: Option<PathBuf>,
    /// A command; the secret is all that it prints less one final newline.
    pub(in crate::settings) command: Option<Vec<String>>,
}

impl SecretSection {
    /// The one source, if it is one.
    pub(in crate::settings) fn source(&self) -> Option<SecretSource> {
        match (&self.env, &self.file, &self.command) {
            (Some(name), None, None) => Some(SecretSource::Env(name.clone())),
            (None, Some(path), None) => Some(SecretSource::File(path.clone())),
            (None, None, Some(words)) if !words.is_empty() => {
                Some(SecretSource::Command(words.clone()))
            }
            _ => None,
        }
    }
}

/// The value of an environment variable of a container or process, or of a header or query of a check: a text, or where
/// a secret is read from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::settings) enum VariableValue {
    Plain(String),
    Secret(SecretSection),
}
