//! The rules of an environment, as one table. A row defines the key in `[rules]`, its description, its built-in value,
//! how a value is shown, and which of two values protects less. The configuration compares values to refuse settings
//! that loosen a rule of the configuration file. The record of a release contains the values as they are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Definition;
use super::timing::TIMING_RULES;
use crate::history::RuleInEffect;
use crate::inventory::freeze::WrittenFreeze;
use crate::inventory::units::{Percent, Time, Unit as _, Written, readable};
use crate::inventory::{EnvironmentName, Freeze, Tier};

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
    /// Whether this definition protects less than the recorded value. None if the rule does not decide whether a
    /// release may switch.
    pub loosened_since: Option<fn(&str, &Definition) -> bool>,
    /// A message for each entry of the second definition that the first one lacks or has changed, if the rule is a
    /// list. The value of the rule lists only names, so it does not show a changed entry.
    pub lacks: fn(&Definition, &Definition) -> Vec<String>,
}

/// The description of a rule: a key of `rules`.
#[derive(Debug, Clone, Copy)]
pub struct RuleKey {
    pub key: &'static str,
    text: &'static str,
    /// Formats the built-in value.
    pub built_in: fn() -> String,
}

impl RuleKey {
    /// The description of the rule, from the doc comment of its field.
    pub fn meaning(&self) -> &'static str {
        self.text.trim_start()
    }
}

/// The function [`Rule::lacks`] of a rule that is not a list.
pub(super) fn lacks_nothing(_: &Definition, _: &Definition) -> Vec<String> {
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

macro_rules! rules {
    ($(
        $(#[doc = $text:literal])+
        $key:ident: $type:ty $([$($attribute:meta),+])? = $built_in:expr,
            shown as |$it:ident| $value:expr,
            protects less if |$now:ident, $file:ident| $is_looser:expr,
            $(lacks $lacks:expr,)?
            loosened since $loosened_since:expr;
    )+) => {
        /// The rules of an environment.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct Rules {
            $($(#[doc = $text])+ $($(#[$attribute])+)? pub $key: $type,)+
            /// Where the tier and each rule is written: `rules.approvals` at `greenroom.toml:12:13`. A rule without an
            /// entry has its built-in value.
            #[serde(skip)]
            pub origins: BTreeMap<String, String>,
        }

        impl Default for Rules {
            fn default() -> Self {
                Self { $($key: $built_in,)+ origins: BTreeMap::new() }
            }
        }

        /// Every key of `rules`.
        pub const RULE_KEYS: &[RuleKey] = &[$(RuleKey {
            key: stringify!($key),
            text: concat!($($text),+),
            built_in: || {
                let $it = &Rules::default().$key;
                $value
            },
        },)+];

        const RULES: &[Rule] = &[$(Rule {
            key: concat!("rules.", stringify!($key)),
            scope: RuleScope::Environment,
            value: |definition| {
                let $it = &definition.rules.$key;
                $value
            },
            is_looser: |now, file| {
                let ($now, $file) = (&now.rules.$key, &file.rules.$key);
                $is_looser
            },
            lacks: rules!(@lacks $($lacks)?),
            loosened_since: $loosened_since,
        },)+];
    };
    (@lacks) => { lacks_nothing };
    (@lacks $lacks:expr) => { $lacks };
}

rules! {
    /// Whether `--yes` may give the operator's approvals in these two cases: the environment is protected, or the plan
    /// may cut connections of another, protected target, because it reloads an nginx that serves both.
    allow_yes: bool = false,
        shown as |it| it.to_string(), protects less if |now, file| *now && !*file,
        loosened since Some(|then, now| then == "false" && now.rules.allow_yes);
    /// Whether a promote needs a reason.
    require_reason: bool = false,
        shown as |it| it.to_string(), protects less if |now, file| !*now && *file,
        loosened since None;
    /// The environment in which a version must be live first.
    only_from: Option<EnvironmentName> = None,
        shown as |it| it.as_ref().map_or("any".to_owned(), ToString::to_string),
        protects less if |now, file| file.is_some() && now != file,
        loosened since Some(|then, now| {
            let now = now.rules.only_from.as_ref().map(ToString::to_string);
            then != "any" && now.as_deref() != Some(then)
        });
    /// How many people other than the operator must approve a promote before the switch.
    approvals: u8 = 0,
        shown as |it| it.to_string(), protects less if |now, file| now < file,
        loosened since Some(|then, now| then.parse().is_ok_and(|then: u8| now.rules.approvals < then));
    /// How long an approval by another person is valid.
    approvals_last: Duration [serde(with = "Written::<Time>")] = Duration::from_hours(1),
        shown as |it| Time::write(*it), protects less if |now, file| now > file,
        loosened since Some(|then, now| {
            Time::read(then).is_ok_and(|then| now.rules.approvals_last > then)
        });
    /// The percentage of public requests that may fail during the watch. If more fail, the traffic goes back to the old
    /// version.
    watch_errors: u8 [serde(with = "Written::<Percent>")] = 5,
        shown as |it| Percent::write(*it), protects less if |now, file| now > file,
        loosened since None;
    /// The minimum number of public requests for the decision about `watch_errors`. With fewer requests the share says
    /// little.
    watch_requests: u64 [schemars(range(min = 1))] = 20,
        shown as |it| it.to_string(), protects less if |now, file| now > file,
        loosened since None;
    /// How many good versions of each target keep their image when `greenroom prune` removes other images.
    keep_images: u32 [schemars(range(min = 1))] = 5,
        shown as |it| it.to_string(), protects less if |now, file| now < file,
        loosened since None;
    /// The times at which nothing is promoted, once or weekly, unless an operator overrides the freeze.
    freezes: Vec<Freeze> [
        serde(skip_serializing, deserialize_with = "readable::<_, WrittenFreeze, _>"),
        schemars(with = "Vec<WrittenFreeze>")
    ] = Vec::new(),
        shown as |it| listed(it.iter().map(|freeze| &*freeze.name), "none"),
        protects less if |now, file| file.iter().any(|freeze| !now.contains(freeze)),
        lacks freezes_lacking,
        loosened since None;
}

fn listed<'a>(names: impl Iterator<Item = &'a str>, none: &str) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return none.to_owned();
    }
    names.join(", ")
}

const TIER: Rule = Rule {
    key: "tier",
    scope: RuleScope::Environment,
    value: |it| it.tier.to_string(),
    is_looser: |now, file| strictness(now.tier) < strictness(file.tier),
    lacks: lacks_nothing,
    loosened_since: Some(|then, now| {
        let tiers = [Tier::Development, Tier::Staging, Tier::Protected];
        let then = tiers.into_iter().find(|tier| tier.to_string() == then);
        then.is_some_and(|then| strictness(now.tier) < strictness(then))
    }),
};

const CHECKS: Rule = Rule {
    key: "checks",
    scope: RuleScope::Checks,
    value: |it| {
        let required = it.suite.cases.iter().filter(|case| case.required);
        listed(required.map(|case| &*case.name), "none required")
    },
    is_looser: |now, file| !checks_lacking(now, file).is_empty(),
    lacks: checks_lacking,
    loosened_since: None,
};

/// The tier, every rule, every time limit that protects something, and the checks.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let rules = std::iter::once(&TIER).chain(RULES);
    rules.chain(TIMING_RULES).chain(std::iter::once(&CHECKS))
}

fn strictness(tier: Tier) -> u8 {
    match tier {
        Tier::Development => 0,
        Tier::Staging => 1,
        Tier::Protected => 2,
    }
}

/// A message for each recorded rule that this definition loosens. Compares only the rules that decide whether a release
/// may switch. So the configuration of another driver cannot weaken the rules under which the release started.
pub(super) fn loosened_since(recorded: &[RuleInEffect], now: &Definition) -> Vec<String> {
    let describe = |recorded: &RuleInEffect| {
        let RuleInEffect { key, value, from } = recorded;
        let rule = rules().find(|rule| rule.key == *key)?;
        let is_loosened = rule.loosened_since?;
        let value_now = (rule.value)(now);
        is_loosened(value, now).then(|| format!("{key} was {value} ({from}) and is {value_now}"))
    };
    recorded.iter().filter_map(describe).collect()
}

/// The tier and the rules of an environment, for the record of a release. Each rule names the place where it is
/// written.
pub(super) fn in_effect(definition: &Definition) -> Vec<RuleInEffect> {
    let rules = rules().filter(|rule| rule.scope == RuleScope::Environment);
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
    fn approvals_that_are_valid_for_longer_loosen_the_rules() {
        let mut now = sample_definition(Tier::Protected);
        now.rules.approvals_last = Duration::from_secs(5430);
        assert!(is_loosened("rules.approvals_last", "1h30m29s", &now));
        assert!(!is_loosened("rules.approvals_last", "1h30m30s", &now));
        let recorded = in_effect(&now);
        assert_eq!(loosened_since(&recorded, &now), Vec::<String>::new());
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
