//! Checks names that Greenroom derives from the names of targets: names of containers, and names of the copies of
//! nginx's main configuration.

use std::collections::HashMap;

use super::super::super::model::{ProxyKind, Root};
use super::super::Checker;
use super::{host_of, key};
use crate::inventory::{Slot, Target, instance_name};

/// The maximum length of a file name, in bytes.
const LONGEST_FILE: usize = 255;

impl Checker<'_> {
    /// Checks two names. The container of nginx must not have the name of a slot's container. The main configuration
    /// of nginx must have a file name that leaves room for the name of the copy that Greenroom tests.
    pub(super) fn container_names(&mut self, root: &Root) {
        let mut slots: HashMap<(String, String), String> = HashMap::new();
        let mut longest: HashMap<&str, usize> = HashMap::new();
        for (name, service) in root.services.iter() {
            for (environment, in_environment) in service.environments.iter() {
                let (Some(section), Ok(service), Ok(at)) = (
                    root.environments.get(environment),
                    name.parse(),
                    environment.parse(),
                ) else {
                    continue;
                };
                let target = Target::new(service, at);
                let length = longest.entry(environment).or_default();
                *length = target.tested_suffix().len().max(*length);
                for slot in Slot::BOTH {
                    for number in 1..=in_environment.slots().get(slot).members() {
                        let name = instance_name(&target, slot, number);
                        slots.insert((host_of(section), name), format!("{slot} of {target}"));
                    }
                }
            }
        }
        for (environment, section) in root.environments.iter() {
            let Some(nginx) = section
                .nginx
                .as_ref()
                .filter(|_| section.proxy_kind() == Some(ProxyKind::Nginx))
            else {
                continue;
            };
            let at = |last: &str| key(&["environments", environment, "nginx", last]);
            if let Some(container) = &nginx.container
                && let Some(owner) = slots.get(&(host_of(section), container.clone()))
            {
                self.error_at(
                    &at("container"),
                    format!("the container of {owner} has this name: give the container of nginx another name"),
                );
            }
            let main = nginx
                .configuration
                .file_name()
                .map_or(0, std::ffi::OsStr::len);
            if let Some(longer) = longest.get(environment)
                && main + longer > LONGEST_FILE
            {
                self.error_at(
                    &at("configuration"),
                    format!("the file name is too long: Greenroom tests a copy whose name is {longer} bytes longer, and a file name has at most {LONGEST_FILE} bytes: use a shorter file name"),
                );
            }
        }
    }
}
