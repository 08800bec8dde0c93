//! Names that are derived from those of a target: of its containers, and of the files beside nginx's own.

use std::collections::HashMap;

use super::super::super::model::{ProxyKind, Root};
use super::super::Look;
use super::{host_of, key};
use crate::inventory::{Slot, Target, instance_name};

/// The longest name of a file, in bytes.
const LONGEST_FILE: usize = 255;

impl Look<'_> {
    /// The container of an nginx must not have the name of a slot's, and the file that is tested beside nginx's main
    /// configuration has to have a name that fits.
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
                    format!("this is the name of the container of {whose}: call the one with nginx differently"),
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
                    format!("the name of the file is too long: a copy of it gets {} characters more while it is tested, and a name has {LONGEST_FILE} at most", longest + 1),
                );
            }
        }
    }
}
