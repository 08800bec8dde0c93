//! Compares two configurations: finds the values that differ, with the origin of the new value, and the targets that
//! the differences concern.

use std::collections::{BTreeMap, BTreeSet};

use super::origin::Origin;
use super::show::EffectiveValue;
use super::{Loaded, Settings};
use crate::inventory::Target;

/// A value in effect that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// The old value, or none if the value was added.
    pub before: Option<EffectiveValue>,
    /// The new value, or none if the value was removed.
    pub after: Option<EffectiveValue>,
}

impl SettingChange {
    /// The key of the value, e.g. `services.web.memory`.
    pub fn key(&self) -> &str {
        let value = self.after.as_ref().or(self.before.as_ref());
        value.map_or("", |value| &value.key)
    }

    /// Whether the value is a built-in default that was added or removed. Such a default comes and goes with its table.
    fn is_built_in(&self) -> bool {
        match (&self.before, &self.after) {
            (None, Some(value)) | (Some(value), None) => value.origin == Origin::BuiltIn,
            _ => false,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// The added and changed values in the order of the new configuration, then the removed ones.
    pub changes: Vec<SettingChange>,
    /// The targets whose settings differ, including targets that only one of the configurations has.
    pub targets: BTreeSet<Target>,
}

/// Compares two configurations by the values in effect.
pub fn compare(before: &Loaded, after: &Loaded) -> Differences {
    let changes = changes(&before.provenance, &after.provenance);
    let both = targets(&before.settings).chain(targets(&after.settings));
    let is_concerned =
        |target: &&Target| changes.iter().any(|change| concerns(change.key(), target));
    let targets = both.filter(is_concerned).cloned().collect();
    Differences { changes, targets }
}

fn targets(settings: &Settings) -> impl Iterator<Item = &Target> {
    settings.targets.iter().map(|it| &it.definition.target)
}

fn changes(before: &[EffectiveValue], after: &[EffectiveValue]) -> Vec<SettingChange> {
    let mut old: BTreeMap<&str, &EffectiveValue> = BTreeMap::new();
    old.extend(before.iter().map(|shown| (shown.key.as_str(), shown)));
    let mut changes = Vec::new();
    for now in after {
        let was = old.remove(now.key.as_str());
        if was.is_none_or(|was| !was.has_value_of(now)) {
            changes.push(SettingChange {
                before: was.cloned(),
                after: Some(now.clone()),
            });
        }
    }
    let removed = before
        .iter()
        .filter(|was| old.contains_key(was.key.as_str()));
    changes.extend(removed.map(|was| SettingChange {
        before: Some(was.clone()),
        after: None,
    }));
    // The defaults of a new or removed table are not changes that a person made.
    changes.retain(|change| !change.is_built_in());
    changes
}

/// Whether a key belongs to the service or the environment of a target.
fn concerns(key: &str, target: &Target) -> bool {
    let (service, environment) = (target.service.as_str(), target.environment.as_str());
    let parts: Vec<&str> = key.split('.').collect();
    match parts.as_slice() {
        ["services", of, "environments", at, ..] => *of == service && *at == environment,
        ["services", of, ..] => *of == service,
        ["environments", at, ..] => *at == environment,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::Request;

    const TEXT: &str = include_str!("../../fixtures/settings/valid/sandbox.toml");

    fn loaded(text: &str) -> Loaded {
        let file = Path::new("greenroom.toml");
        Settings::read(file, text, &Request::default()).expect("a configuration")
    }

    fn lines(text: &str) -> Vec<String> {
        let found = compare(&loaded(TEXT), &loaded(text)).changes;
        let value = |shown: &Option<EffectiveValue>| match shown {
            Some(shown) => shown.value.clone(),
            None => "-".to_owned(),
        };
        let line = |change: &SettingChange| {
            let (before, after) = (value(&change.before), value(&change.after));
            format!("{}: {before} > {after}", change.key())
        };
        found.iter().map(line).collect()
    }

    fn concerned(text: &str) -> Vec<String> {
        let found = compare(&loaded(TEXT), &loaded(text)).targets;
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_values_do_not_differ_if_written_elsewhere() {
        assert_eq!(
            lines(&format!("# a comment\n\n{TEXT}")),
            Vec::<String>::new()
        );
        assert_eq!(concerned(&format!("\n{TEXT}")), Vec::<String>::new());
    }

    #[test]
    fn changes_are_listed_with_both_values() {
        let changed = TEXT.replace("path = \"/health\"", "path = \"/ready\"");
        assert_eq!(
            lines(&changed),
            ["services.web.health.path: \"/health\" > \"/ready\""]
        );
        let added = TEXT.replace("path = \"/health\"", "path = \"/health\", host = \"web\"");
        assert_eq!(lines(&added), ["services.web.health.host: - > \"web\""]);
        let found = compare(&loaded(&added), &loaded(TEXT)).changes;
        assert_eq!(found[0].key(), "services.web.health.host");
        assert_eq!(found[0].after, None);
    }

    #[test]
    fn the_defaults_of_a_new_table_are_no_difference() {
        let more = format!("{TEXT}\n[services.web.environments.dev.timing]\nwatch = \"2m\"\n");
        assert_eq!(lines(&more).len(), 1, "{:?}", lines(&more));
        let check = format!("{TEXT}\n[[services.web.checks]]\nname = \"home\"\npath = \"/\"\n");
        let found = compare(&loaded(TEXT), &loaded(&check)).changes;
        assert!(!found.is_empty());
        for change in &found {
            let after = change.after.as_ref().expect("an added value");
            assert_ne!(after.origin, Origin::BuiltIn, "{found:?}");
        }
    }

    #[test]
    fn a_target_is_concerned_by_its_service_its_environment_and_itself() {
        let health = TEXT.replace("path = \"/health\"", "path = \"/ready\"");
        assert_eq!(concerned(&health), ["web/dev"]);
        let tier = TEXT.replace("\"development\"", "\"staging\"");
        assert_eq!(concerned(&tier), ["web/dev"]);
        let console = format!("{TEXT}\n[console]\nmouse = true\n");
        assert_eq!(lines(&console).len(), 1);
        assert_eq!(concerned(&console), Vec::<String>::new());
    }

    #[test]
    fn a_hidden_value_that_changes_is_a_difference_and_stays_hidden() {
        let with = |secret: &str| {
            format!("{TEXT}\n[services.web.environment]\nAPI_TOKEN = \"{secret}\"\n")
        };
        let (before, after) = (loaded(&with("first-one")), loaded(&with("other-one")));
        let found = compare(&before, &after).changes;
        let [change] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(change.key(), "services.web.environment.API_TOKEN");
        assert!(!format!("{found:?}").contains("-one"), "{found:?}");
    }
}
