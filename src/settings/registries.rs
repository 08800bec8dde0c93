//! The image registries that an environment's images come from. The settings of a registry, above all its password,
//! apply to that registry only.

use std::collections::BTreeSet;

use super::model::{EnvironmentSection, Root};
use crate::inventory::registry_host;

/// The registries of all services that run in the environment.
pub(super) fn hosts_of<'a>(root: &'a Root, environment: &str) -> BTreeSet<&'a str> {
    let services = root.services.iter();
    let services = services.filter(|(_, service)| service.environments.get(environment).is_some());
    services
        .map(|(_, service)| registry_host(&service.image))
        .collect()
}

/// The registries of the environment's images that are not named in its table `registries`. The table `registry` can
/// describe only one registry.
pub(super) fn other_hosts<'a>(
    root: &'a Root,
    environment: &str,
    section: &EnvironmentSection,
) -> Vec<&'a str> {
    let hosts = hosts_of(root, environment).into_iter();
    hosts
        .filter(|host| !section.registries.contains_key(*host))
        .collect()
}
