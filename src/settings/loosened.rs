//! Rules are rules: a layer above the file may tighten one, never loosen it. The configuration is built a second time
//! from the file and all that the layers set beside rules, and both are compared rule by rule.

use super::layers;
use super::origin::Origin;
use super::places::Settings;
use super::problem::Problem;
use super::tree::Node;
use crate::inventory::Target;
use crate::release::{RULES, Rule, RuleScope};

/// Whether a key that a layer sets is the tier, a rule, a time or a check.
pub(super) fn is_rule(path: &[String]) -> bool {
    let path: Vec<String> = path.iter().map(|key| key.to_ascii_lowercase()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path[..],
        ["environments", _, "tier" | "rules" | "timing", ..]
            | ["defaults", "timing", ..]
            | ["services", _, "timing" | "checks", ..]
            | ["services", _, "environments", _, "timing", ..]
    )
}

/// What the file says, and what is in effect with the layers above it.
pub(super) struct Both<'a> {
    pub(super) file: (&'a Settings, &'a Node),
    pub(super) now: (&'a Settings, &'a Node),
}

impl Both<'_> {
    /// Every rule that a layer above the file loosens.
    pub(super) fn loosened(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        for now in &self.now.0.targets {
            let now = &now.definition;
            let targets = self.file.0.targets.iter().map(|it| &it.definition);
            let Some(file) = targets.into_iter().find(|file| file.target == now.target) else {
                continue;
            };
            for rule in RULES {
                // Where nobody outside the team notices, an impatient operator harms nobody else.
                let is_bound = rule.scope != RuleScope::Timing || file.tier.is_protected();
                if !is_bound || !(rule.is_looser)(now, file) {
                    continue;
                }
                let Some((path, layer)) = self.layer(rule, &now.target) else {
                    continue;
                };
                let (value, was) = ((rule.value)(now), (rule.value)(file));
                let said = match self.file.1.origin_at(&path) {
                    at @ Origin::File { .. } if self.is_in_file(&path) => {
                        format!("{at} says `{was}`")
                    }
                    _ => format!("the file does not set it, and `{was}` holds without it"),
                };
                let problem = Problem::new(
                    layer,
                    &path,
                    format!(
                        "`{value}` protects less, and {said}: a layer above the file may tighten a rule and not loosen it; change the file, or leave this out"
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

    /// The key that a layer above the file has set, and the layer.
    fn layer(&self, rule: &Rule, target: &Target) -> Option<(Vec<String>, Origin)> {
        let mut paths = paths(rule, target).into_iter();
        paths.find_map(|path| {
            let origin = layers::origin_above_the_file(self.now.1, &path)?;
            Some((path, origin))
        })
    }
}

/// The keys that a rule may be written under, the nearest first.
fn paths(rule: &Rule, target: &Target) -> Vec<Vec<String>> {
    let (service, environment) = (target.service.as_str(), target.environment.as_str());
    let tables: Vec<Vec<&str>> = match rule.scope {
        RuleScope::Environment => vec![vec!["environments", environment]],
        RuleScope::Checks => vec![vec!["services", service]],
        RuleScope::Timing => vec![
            vec!["services", service, "environments", environment, "timing"],
            vec!["services", service, "timing"],
            vec!["environments", environment, "timing"],
            vec!["defaults", "timing"],
        ],
    };
    let tables = tables.into_iter();
    tables
        .map(|table| {
            let keys = table.into_iter().chain(rule.key.split('.'));
            keys.map(str::to_owned).collect()
        })
        .collect()
}
