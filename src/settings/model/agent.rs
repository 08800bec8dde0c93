//! The agent, which releases pushed versions by itself.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Ordered;
use crate::inventory::Endpoint;
use crate::inventory::servers::SenderConfig;

/// The agent, which releases pushed versions by itself: `greenroom agent`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct AgentSection {
    /// The address of the inbox, to which senders report pushes, e.g. `0.0.0.0:8470`. Without this key there is no
    /// inbox: the agent then learns of pushes only from `greenroom notify` and by polling (`poll`).
    pub(in crate::settings) listen: Option<Endpoint>,
    /// A PEM file with the certificate of the inbox and those of the authorities between it and the root. Without this
    /// key the inbox uses plain HTTP. The file is read again when it changes.
    #[schemars(extend("format" = "path"))]
    pub(in crate::settings) certificate: Option<PathBuf>,
    /// A PEM file with the private key of the certificate.
    #[schemars(extend("format" = "path"))]
    pub(in crate::settings) key: Option<PathBuf>,
    /// The senders that may report pushes. Only the named senders are accepted.
    pub(in crate::settings) senders: Ordered<SenderConfig>,
}
