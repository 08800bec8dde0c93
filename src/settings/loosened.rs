//! Checks that no layer above the file loosens a rule; a layer may only tighten rules. The configuration is built a
//! second time, from the file and the layers without their rules. The two results are compared rule by rule.

use super::config::Settings;
use super::layers;
use super::origin::Origin;
use super::problem::Problem;
use super::tree::Node;
use crate::inventory::Target;
use crate::release::{Rule, RuleScope, rules};

/// Any name of a service or environment.
const ANY: &str = "*";

/// The tables in which a rule of each scope may be written, nearest first.
const TABLES: &[(RuleScope, &[&str])] = &[
    (RuleScope::Environment, &["environments", ANY]),
    (RuleScope::Checks, &["services", ANY, "environments", ANY]),
    (RuleScope::Checks, &["services", ANY]),
    (
        RuleScope::Timing,
        &["services", ANY, "environments", ANY, "timing"],
    ),
    (RuleScope::Timing, &["services", ANY, "timing"]),
    (RuleScope::Timing, &["environments", ANY, "timing"]),
    (RuleScope::Timing, &["defaults", "timing"]),
];

/// Whether a key is the tier, a rule, a time or a check.
pub(super) fn is_rule(path: &[String]) -> bool {
    let path: Vec<String> = path.iter().map(|key| key.to_ascii_lowercase()).collect();
    TABLES.iter().any(|(scope, table)| {
        let is_below = path.len() >= table.len()
            && path
                .iter()
                .zip(*table)
                .all(|(key, wanted)| *wanted == ANY || key == wanted);
        let rest = path.get(table.len()..).unwrap_or_default();
        match (scope, rest.first()) {
            (RuleScope::Timing, _) => is_below,
            (RuleScope::Environment, Some(key)) => is_below && matches!(&**key, "tier" | "rules"),
            (RuleScope::Checks, Some(key)) => is_below && key == "checks",
            (RuleScope::Environment | RuleScope::Checks, None) => false,
        }
    })
}

/// The settings of the file, and the settings in effect with the layers above the file.
pub(super) struct BothSettings<'a> {
    pub(super) file: (&'a Settings, &'a Node),
    pub(super) now: (&'a Settings, &'a Node),
    /// The environments in the file. An environment that only variables define has no rule that could be loosened.
    pub(super) environments: Vec<String>,
}

impl BothSettings<'_> {
    /// Every rule that a layer above the file loosens.
    pub(super) fn loosened(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        for now in &self.now.0.targets {
            let now = &now.definition;
            let environment = now.target.environment.as_str();
            if !self.environments.iter().any(|name| name == environment) {
                continue;
            }
            let targets = self.file.0.targets.iter().map(|it| &it.definition);
            let Some(file) = targets.into_iter().find(|file| file.target == now.target) else {
                continue;
            };
            for rule in rules() {
                // In an unprotected environment, short times harm only the team itself.
                let is_bound = rule.scope != RuleScope::Timing || file.tier.is_protected();
                if !is_bound || !(rule.is_looser)(now, file) {
                    continue;
                }
                let Some((path, layer)) = self.layer(rule, &now.target) else {
                    continue;
                };
                let (value, was) = ((rule.value)(now), (rule.value)(file));
                let in_file = match self.file.1.origin_at(&path) {
                    at @ Origin::File { .. } if self.is_in_file(&path) => {
                        format!("{at} says `{was}`")
                    }
                    _ => format!("the file does not set this key, so `{was}` applies"),
                };
                let lacks = (rule.lacks)(now, file);
                let lacks = match lacks.as_slice() {
                    [] => String::new(),
                    lacks => format!(" ({})", lacks.join(", ")),
                };
                let problem = Problem::new(
                    layer,
                    &path,
                    format!(
                        "`{value}` protects less{lacks}, and {in_file}. A variable or flag may tighten a rule but not loosen it. Change the file, or remove this setting"
                    ),
                );
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
        problems
    }

    fn is_in_file(&self, path: &[String]) -> bool {
        let keys = path.iter();
        let found = keys
            .into_iter()
            .try_fold(self.file.1, |node, key| Some(&node.entry(key)?.node));
        found.is_some()
    }

    /// The key of the rule that a layer above the file has set, and that layer.
    fn layer(&self, rule: &Rule, target: &Target) -> Option<(Vec<String>, Origin)> {
        let mut paths = paths(rule, target).into_iter();
        paths.find_map(|path| {
            let origin = layers::origin_above_the_file(self.now.1, &path)?;
            Some((path, origin))
        })
    }
}

/// The keys under which a rule may be written, nearest first.
fn paths(rule: &Rule, target: &Target) -> Vec<Vec<String>> {
    let (service, environment) = (target.service.as_str(), target.environment.as_str());
    let tables = TABLES.iter().filter(|(scope, _)| *scope == rule.scope);
    tables
        .map(|(_, table)| {
            let names = |name: &&str, before: Option<&&str>| match (*name, before) {
                (ANY, Some(&"services")) => service.to_owned(),
                (ANY, _) => environment.to_owned(),
                (name, _) => name.to_owned(),
            };
            let before = std::iter::once(None).chain(table.iter().map(Some));
            let table = table.iter().zip(before);
            let table = table.map(|(name, before)| names(name, before));
            let key = rule.key.split('.').map(str::to_owned);
            table.chain(key).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::schema;

    #[test]
    fn every_key_of_a_rule_in_the_schema_is_known() {
        let found = schema::keys();
        let is_place = |path: &&Vec<String>| {
            let last = path.last().map(String::as_str);
            // The console's keys have names of their own.
            path[0] != "console" && matches!(last, Some("tier" | "rules" | "timing" | "checks"))
        };
        let places: Vec<String> = found
            .iter()
            .filter(is_place)
            .map(|it| it.join("."))
            .collect();
        assert!(places.len() >= TABLES.len(), "{places:?}");
        let named = |place: &str| place.split('.').map(str::to_owned).collect::<Vec<_>>();
        let unknown: Vec<&String> = places.iter().filter(|it| !is_rule(&named(it))).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for rule in rules() {
            let name = "x".parse().expect("a name");
            for path in paths(rule, &Target::new(name, "y".parse().expect("a name"))) {
                let path = path.join(".");
                assert!(is_rule(&named(&path)), "{path}");
            }
        }
    }
}
