//! Describes the rules of a target as text, and decides which of two settings of a rule protects less. The
//! configuration uses this to refuse settings that loosen a rule of the configuration file. The record of a release
//! contains the texts.

use super::describe::duration;
use super::{Definition, Limit};
use crate::history::RuleInEffect;
use crate::inventory::Tier;

/// The table of the configuration in which a rule is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleScope {
    /// The table of the environment.
    Environment,
    /// The table `timing` of the target, the service, the environment or the defaults.
    Timing,
    /// The list of checks of the service.
    Checks,
}

#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The key within the scope: `rules.approvals`, `watch`.
    pub key: &'static str,
    pub scope: RuleScope,
    /// Formats the value of the rule.
    pub value: fn(&Definition) -> String,
    /// Whether the first definition protects less than the second.
    pub is_looser: fn(&Definition, &Definition) -> bool,
    /// A message for each entry of the second definition that the first one lacks or has changed, if the rule is a
    /// list. The value of the rule lists only names, so it does not show a changed entry.
    pub lacks: fn(&Definition, &Definition) -> Vec<String>,
}

/// The function `lacks` of a rule that is not a list.
fn nothing(_: &Definition, _: &Definition) -> Vec<String> {
    Vec::new()
}

/// A message for each freeze of the second definition that the first one lacks or has changed.
fn freezes_lacking(now: &Definition, file: &Definition) -> Vec<String> {
    let (now, file) = (&now.rules.freezes, &file.rules.freezes);
    let lacking = file.iter().filter(|freeze| !now.contains(freeze));
    lacking
        .map(|freeze| {
            let has_name = now.iter().any(|it| it.name == freeze.name);
            list_difference(
                &freeze.name,
                has_name,
                "has another window or other services",
            )
        })
        .collect()
}

/// A message for each required check of the second definition that the first one lacks, has changed or does not
/// require.
fn checks_lacking(now: &Definition, file: &Definition) -> Vec<String> {
    let (now, file) = (&now.suite.cases, &file.suite.cases);
    let lacking = file
        .iter()
        .filter(|case| case.required && !now.contains(case));
    lacking
        .map(|case| match now.iter().find(|it| it.name == case.name) {
            Some(other) if !other.required => format!("{} is not required", case.name),
            other => list_difference(&case.name, other.is_some(), "checks something else"),
        })
        .collect()
}

fn list_difference(name: &str, is_listed: bool, differs: &str) -> String {
    let how = if is_listed { differs } else { "is missing" };
    format!("{name} {how}")
}

pub const RULES: &[Rule] = &[
    Rule {
        key: "tier",
        scope: RuleScope::Environment,
        value: |it| tier_word(it.tier).to_owned(),
        is_looser: |now, file| strictness(now.tier) < strictness(file.tier),
        lacks: nothing,
    },
    Rule {
        key: "rules.allow_yes",
        scope: RuleScope::Environment,
        value: |it| it.rules.allow_yes.to_string(),
        is_looser: |now, file| now.rules.allow_yes && !file.rules.allow_yes,
        lacks: nothing,
    },
    Rule {
        key: "rules.require_reason",
        scope: RuleScope::Environment,
        value: |it| it.rules.require_reason.to_string(),
        is_looser: |now, file| !now.rules.require_reason && file.rules.require_reason,
        lacks: nothing,
    },
    Rule {
        key: "rules.only_from",
        scope: RuleScope::Environment,
        value: |it| {
            let from = it.rules.only_from.as_ref();
            from.map_or("any".to_owned(), ToString::to_string)
        },
        is_looser: |now, file| {
            file.rules.only_from.is_some() && now.rules.only_from != file.rules.only_from
        },
        lacks: nothing,
    },
    Rule {
        key: "rules.approvals",
        scope: RuleScope::Environment,
        value: |it| it.rules.approvals.to_string(),
        is_looser: |now, file| now.rules.approvals < file.rules.approvals,
        lacks: nothing,
    },
    Rule {
        key: "rules.approvals_last",
        scope: RuleScope::Environment,
        value: |it| duration(it.rules.approvals_last),
        is_looser: |now, file| now.rules.approvals_last > file.rules.approvals_last,
        lacks: nothing,
    },
    Rule {
        key: "rules.watch_errors",
        scope: RuleScope::Environment,
        value: |it| format!("{}%", it.rules.watch_errors),
        is_looser: |now, file| now.rules.watch_errors > file.rules.watch_errors,
        lacks: nothing,
    },
    Rule {
        key: "rules.watch_requests",
        scope: RuleScope::Environment,
        value: |it| it.rules.watch_requests.to_string(),
        is_looser: |now, file| now.rules.watch_requests > file.rules.watch_requests,
        lacks: nothing,
    },
    Rule {
        key: "rules.keep_images",
        scope: RuleScope::Environment,
        value: |it| it.rules.keep_images.to_string(),
        is_looser: |now, file| now.rules.keep_images < file.rules.keep_images,
        lacks: nothing,
    },
    Rule {
        key: "rules.freezes",
        scope: RuleScope::Environment,
        value: |it| {
            let names: Vec<&str> = it.rules.freezes.iter().map(|it| it.name.as_str()).collect();
            if names.is_empty() {
                return "none".to_owned();
            }
            names.join(", ")
        },
        is_looser: |now, file| !freezes_lacking(now, file).is_empty(),
        lacks: freezes_lacking,
    },
    Rule {
        key: "minimum_healthy",
        scope: RuleScope::Timing,
        value: |it| duration(it.timing.minimum_healthy),
        is_looser: |now, file| now.timing.minimum_healthy < file.timing.minimum_healthy,
        lacks: nothing,
    },
    Rule {
        key: "watch",
        scope: RuleScope::Timing,
        value: |it| duration(it.timing.watch),
        is_looser: |now, file| now.timing.watch < file.timing.watch,
        lacks: nothing,
    },
    Rule {
        key: "standby",
        scope: RuleScope::Timing,
        value: |it| match it.timing.standby {
            Limit::After(time) => duration(time),
            Limit::Never => "never".to_owned(),
        },
        is_looser: |now, file| match (now.timing.standby, file.timing.standby) {
            (Limit::After(now), Limit::After(file)) => now < file,
            (Limit::After(_), Limit::Never) => true,
            (Limit::Never, _) => false,
        },
        lacks: nothing,
    },
    Rule {
        key: "approval",
        scope: RuleScope::Timing,
        value: |it| duration(it.timing.approval),
        is_looser: |now, file| now.timing.approval > file.timing.approval,
        lacks: nothing,
    },
    Rule {
        key: "checks_fresh",
        scope: RuleScope::Timing,
        value: |it| duration(it.timing.checks_fresh),
        is_looser: |now, file| now.timing.checks_fresh > file.timing.checks_fresh,
        lacks: nothing,
    },
    Rule {
        key: "checks",
        scope: RuleScope::Checks,
        value: |it| {
            let required = it.suite.cases.iter().filter(|case| case.required);
            let names: Vec<&str> = required.map(|case| case.name.as_str()).collect();
            if names.is_empty() {
                return "none required".to_owned();
            }
            names.join(", ")
        },
        is_looser: |now, file| !checks_lacking(now, file).is_empty(),
        lacks: checks_lacking,
    },
];

fn strictness(tier: Tier) -> u8 {
    match tier {
        Tier::Development => 0,
        Tier::Staging => 1,
        Tier::Protected => 2,
    }
}

fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Development => "development",
        Tier::Staging => "staging",
        Tier::Protected => "protected",
    }
}

/// A message for each recorded rule that this definition loosens. Compares only the rules that decide whether a release
/// may switch. So the configuration of another driver cannot weaken the rules under which the release started.
pub(super) fn loosened_since(recorded: &[RuleInEffect], now: &Definition) -> Vec<String> {
    let value_now = |key: &str| {
        let rule = RULES.iter().find(|rule| rule.key == key);
        rule.map(|rule| (rule.value)(now)).unwrap_or_default()
    };
    let is_loosened = |rule: &&RuleInEffect| match rule.key.as_str() {
        "tier" => {
            let tiers = [Tier::Development, Tier::Staging, Tier::Protected];
            let then = tiers
                .into_iter()
                .find(|tier| tier_word(*tier) == rule.value);
            then.is_some_and(|then| strictness(now.tier) < strictness(then))
        }
        "rules.allow_yes" => rule.value == "false" && now.rules.allow_yes,
        "rules.only_from" => rule.value != "any" && value_now(&rule.key) != rule.value,
        "rules.approvals" => {
            let then = rule.value.parse();
            then.is_ok_and(|then: u8| now.rules.approvals < then)
        }
        _ => false,
    };
    let described = |rule: &RuleInEffect| {
        let (key, value, from) = (&rule.key, &rule.value, &rule.from);
        format!("{key} was {value} ({from}) and is {}", value_now(key))
    };
    recorded.iter().filter(is_loosened).map(described).collect()
}

/// The tier and the rules of an environment, for the record of a release. Each rule names the place where it is
/// written.
pub(super) fn in_effect(definition: &Definition) -> Vec<RuleInEffect> {
    let rules = RULES.iter();
    let rules = rules.filter(|rule| rule.scope == RuleScope::Environment);
    let rules = rules.map(|rule| RuleInEffect {
        key: rule.key.to_owned(),
        value: (rule.value)(definition),
        from: match definition.rules.origins.get(rule.key) {
            Some(origin) => origin.clone(),
            None => "built-in".to_owned(),
        },
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::repair::sample_definition;

    /// Whether a release that started under `value` finds looser rules now.
    fn is_loosened(key: &str, value: &str, now: &Definition) -> bool {
        let recorded = RuleInEffect {
            key: key.to_owned(),
            value: value.to_owned(),
            from: "greenroom.toml:12:3".to_owned(),
        };
        let loosened = loosened_since(&[recorded], now);
        if let [text] = &loosened[..] {
            assert!(
                text.contains(key) && text.contains("greenroom.toml:12:3"),
                "{text}"
            );
        }
        !loosened.is_empty()
    }

    #[test]
    fn fewer_approvals_than_at_the_start_loosen_the_rules() {
        let mut now = sample_definition(Tier::Protected);
        now.rules.approvals = 1;
        assert!(is_loosened("rules.approvals", "2", &now));
        assert!(!is_loosened("rules.approvals", "1", &now));
        assert!(!is_loosened("rules.approvals", "0", &now));
    }

    #[test]
    fn another_environment_than_at_the_start_loosens_the_rules() {
        let mut now = sample_definition(Tier::Protected);
        now.rules.only_from = Some("dev".parse().expect("a name"));
        assert!(is_loosened("rules.only_from", "qa", &now));
        assert!(!is_loosened("rules.only_from", "dev", &now));
        assert!(!is_loosened("rules.only_from", "any", &now));
        now.rules.only_from = None;
        assert!(is_loosened("rules.only_from", "qa", &now));
        assert!(!is_loosened("rules.only_from", "any", &now));
    }

    #[test]
    fn a_rule_is_compared_as_it_is_recorded() {
        let mut strict = sample_definition(Tier::Protected);
        strict.rules.approvals = 2;
        strict.rules.only_from = Some("qa".parse().expect("a name"));
        let recorded = in_effect(&strict);
        assert_eq!(loosened_since(&recorded, &strict), Vec::<String>::new());
        let mut loose = sample_definition(Tier::Protected);
        loose.rules.approvals = 1;
        let text = loosened_since(&recorded, &loose).join("\n");
        for key in ["rules.approvals was 2", "rules.only_from was qa"] {
            assert!(text.contains(key), "{text}");
        }
    }
}
