//! The whole file, and the sections that belong to nobody else.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ConsoleSection, EnvironmentSection, LockSection, Ordered, ServiceSection, TimingSection,
};

/// The configuration of Greenroom.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct Root {
    /// What holds wherever nothing nearer says otherwise.
    pub(in crate::settings) defaults: DefaultsSection,
    /// Who is recorded as having released.
    pub(in crate::settings) operator: OperatorSection,
    /// The console.
    pub(in crate::settings) console: ConsoleSection,
    /// The copy of every release that was seen.
    pub(in crate::settings) history: HistorySection,
    /// The environments, in the order a version is promoted.
    pub(in crate::settings) environments: Ordered<EnvironmentSection>,
    /// The services.
    pub(in crate::settings) services: Ordered<ServiceSection>,
}

/// What holds wherever nothing nearer says otherwise.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct DefaultsSection {
    /// The patience of a release.
    pub(in crate::settings) timing: TimingSection,
    /// The lock of a target.
    pub(in crate::settings) lock: LockSection,
}

/// Who is recorded as having released.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct OperatorSection {
    /// The name; the login name when absent.
    pub(in crate::settings) name: Option<String>,
    /// The host; this machine's name when absent.
    pub(in crate::settings) host: Option<String>,
}

/// The copy of every release that was seen, for browsing without a network.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct HistorySection {
    /// Its file; in the user's state directory when absent. Configurations whose targets have the same
    /// names and are not the same need one each.
    pub(in crate::settings) archive: Option<PathBuf>,
}
