//! Names that are derived from a target's: those of its containers, and those of copies of nginx's files.

use std::collections::HashMap;

use super::super::super::model::{ProxyKind, Root};
use super::super::Look;
use super::{host_of, key};
use crate::inventory::{Slot, Target, instance_name};

/// The maximum length of a file name, in bytes.
const LONGEST_FILE: usize = 255;

impl Look<'_> {
    /// nginx's container must not have the name of a slot's container. The copy of nginx's main
    /// configuration that is tested must have a name that is short enough.
    pub(super) fn container_names(&mut self, root: &Root) {
        let mut slots: HashMap<(String, String), String> = HashMap::new();
        let mut longest: HashMap<&str, usize> = HashMap::new();
        for (name, service) in root.services.iter() {
            for (environment, _) in service.environments.iter() {
                let (Some(section), Ok(service), Ok(at)) = (
                    root.environments.get(environment),
                    name.parse(),
                    environment.parse(),
                ) else {
                    continue;
                };
                let target = Target::new(service, at);
                let length = longest.entry(environment).or_default();
                *length = target.own_name().len().max(*length);
                for slot in Slot::BOTH {
                    let whose = format!("{slot} of {target}");
                    slots.insert((host_of(section), instance_name(&target, slot)), whose);
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
                && let Some(whose) = slots.get(&(host_of(section), container.clone()))
            {
                self.error_at(
                    &at("container"),
                    format!("this is the name of the container of {whose}: give nginx's container another name"),
                );
            }
            let main = nginx
                .configuration
                .file_name()
                .map_or(0, std::ffi::OsStr::len);
            let longest = longest.get(environment).copied();
            if let Some(longest) = longest
                && main + 1 + longest > LONGEST_FILE
            {
                self.error_at(
                    &at("configuration"),
                    format!("the file name is too long: Greenroom tests a copy whose name is {} characters longer, and the maximum is {LONGEST_FILE}", longest + 1),
                );
            }
        }
    }
}
