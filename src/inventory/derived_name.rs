//! Names that are derived from a target: the names of its files, containers, process records and sockets. No other
//! module joins a service and an environment into one word.
//!
//! Neither a service nor an environment can have a dot in its name ([`super::ServiceName`]), so the dot between them is
//! unambiguous: `web` in `qa-eu` is `web.qa-eu`, and `web-qa` in `eu` is `web-qa.eu`. All names are lower case, so two
//! names never differ by case alone.

use super::{Slot, Target};

/// The prefix of every file and container that Greenroom creates. One pattern finds all of them.
const PREFIX: &str = "greenroom-";

impl Target {
    /// Service and environment as one word, e.g. `web.production`. Used in names that cannot
    /// contain the `/` of the usual form.
    pub fn joined(&self) -> String {
        format!("{}.{}", self.service, self.environment)
    }

    /// The name of the files and containers of this target, e.g. `greenroom-web.production`. The prefix separates them
    /// from the files and containers of other programs.
    pub fn own_name(&self) -> String {
        format!("{PREFIX}{}", self.joined())
    }

    /// What the name of nginx's main configuration gets so that it names the copy that is tested for this target. The
    /// end matches no include of `*.conf`, whatever the target is called.
    pub fn tested_suffix(&self) -> String {
        format!(".{}.test", self.own_name())
    }
}

/// The name that a member of a slot has in the runtime, e.g. `greenroom-web.production.blue`. Members count from 1, and
/// from the second on, the name has the number: `greenroom-web.production.blue.2`.
pub fn instance_name(target: &Target, slot: Slot, number: usize) -> String {
    let first = format!("{}.{slot}", target.own_name());
    match number {
        0 | 1 => first,
        number => format!("{first}.{number}"),
    }
}

/// Whether a name is that of a member of this slot.
pub fn is_instance_name(name: &str, target: &Target, slot: Slot) -> bool {
    let Some(rest) = name.strip_prefix(&instance_name(target, slot, 1)) else {
        return false;
    };
    let number = || rest.strip_prefix('.')?.parse().ok();
    rest.is_empty() || number().is_some_and(|number| instance_name(target, slot, number) == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::MOST_MEMBERS;

    fn target(service: &str, environment: &str) -> Target {
        Target::new(
            service.parse().expect("a name"),
            environment.parse().expect("a name"),
        )
    }

    #[test]
    fn hyphens_do_not_make_two_targets_one() {
        let pairs = [("web", "qa-eu"), ("web-qa", "eu"), ("web-qa-eu", "blue")];
        let mut names: Vec<String> = pairs
            .iter()
            .map(|(service, environment)| target(service, environment))
            .flat_map(|target| {
                [
                    target.own_name(),
                    instance_name(&target, Slot::Blue, 1),
                    instance_name(&target, Slot::Blue, 2),
                    instance_name(&target, Slot::Green, 1),
                ]
            })
            .collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }

    #[test]
    fn the_longest_names_fit_everywhere() {
        let longest = "a".repeat(40);
        let name = instance_name(&target(&longest, &longest), Slot::Green, MOST_MEMBERS);
        // The limits are 200 bytes for the name of a container in Greenroom, 63 for a DNS label, and 255 for a file
        // with the suffix that is added while the file is written.
        assert!(name.len() <= 100, "{name}");
        assert!(name.split('.').all(|part| part.len() <= 63), "{name}");
    }

    proptest! {
        #[test]
        fn no_two_targets_share_a_name(
            first in ("[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}", "[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}"),
            second in ("[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}", "[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}"),
        ) {
            let first = target(&first.0, &first.1);
            let second = target(&second.0, &second.1);
            let places = || Slot::BOTH.into_iter().flat_map(|slot| [1, 2, 12].map(|number| (slot, number)));
            for (slot, number) in places() {
                let name = instance_name(&first, slot, number);
                for (other_slot, other_number) in places() {
                    let is_same_place = (&first, slot, number) == (&second, other_slot, other_number);
                    let other = instance_name(&second, other_slot, other_number);
                    prop_assert_eq!(name == other, is_same_place);
                    let is_same_slot = (&first, slot) == (&second, other_slot);
                    prop_assert_eq!(is_instance_name(&name, &second, other_slot), is_same_slot);
                }
            }
        }
    }

    #[test]
    fn the_tested_copy_is_never_included() {
        let suffix = target("web", "conf").tested_suffix();
        let name = format!("nginx.conf{suffix}");
        assert_eq!(name, "nginx.conf.greenroom-web.conf.test");
    }
}
