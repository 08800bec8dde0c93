//! Secrets as written: only their sources, never their values.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inventory::SecretSource;

/// The source of a secret: exactly one of the three.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct SecretSection {
    /// A variable of Greenroom's own environment.
    pub(in crate::settings) env: Option<String>,
    /// A file; the secret is its whole text without one final newline.
    pub(in crate::settings) file: Option<PathBuf>,
    /// A command; the secret is its output without one final newline.
    pub(in crate::settings) command: Option<Vec<String>>,
}

impl SecretSection {
    /// The source, if there is exactly one.
    pub(in crate::settings) fn source(&self) -> Option<SecretSource> {
        match (&self.env, &self.file, &self.command) {
            (Some(name), None, None) => Some(SecretSource::Env(name.clone())),
            (None, Some(path), None) => Some(SecretSource::File(path.clone())),
            (None, None, Some(command)) if !command.is_empty() => {
                Some(SecretSource::Command(command.clone()))
            }
            _ => None,
        }
    }
}

/// The value of an environment variable of a container or process, or of a header or query parameter of a check: a
/// text, or the source of a secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::settings) enum VariableValue {
    Plain(String),
    Secret(SecretSection),
}
