//! The store that operators share.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretSection, TlsSection};

/// How to connect to an etcd cluster.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct EtcdSection {
    /// The members, e.g. `http://127.0.0.1:2379`.
    pub(in crate::settings) endpoints: Vec<String>,
    /// The prefix of all keys.
    #[serde(default = "prefix")]
    pub(in crate::settings) prefix: String,
    /// The certificates for `https://` endpoints.
    #[serde(default)]
    pub(in crate::settings) tls: Option<TlsSection>,
    /// The name of the user.
    #[serde(default)]
    pub(in crate::settings) user: Option<String>,
    /// The source of the password.
    #[serde(default)]
    pub(in crate::settings) password: Option<SecretSection>,
}

fn prefix() -> String {
    "/greenroom/v1".into()
}

/// A database file instead of etcd, for one machine.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct SqliteSection {
    /// The file; in the user's data directory when absent.
    pub(in crate::settings) path: Option<PathBuf>,
}
