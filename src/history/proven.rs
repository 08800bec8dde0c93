//! What came out of proving that what was recorded is still what was written. Pure.

use std::collections::BTreeMap;

use super::{ReleaseRecord, RuleInEffect};
use crate::inventory::{ReleaseId, Target};

/// A release, a hold or a repair that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Wrong {
    /// What it is, in a word; `record` where only its seal is left.
    pub kind: &'static str,
    /// Which.
    pub id: ReleaseId,
    /// Of which target.
    pub target: Target,
    /// What is not as it was, the first record of each kind; harmless.
    pub wrong: Vec<String>,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}  {}", self.kind, self.id, self.target)
    }
}

/// The rules that a release was begun under, where they are others than those of the release before it in its target;
/// all of the first one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RulesSet {
    /// The release.
    pub id: ReleaseId,
    /// Its target.
    pub target: Target,
    /// The rules that are new or say something else, each with where it was written; harmless.
    pub rules: Vec<RuleInEffect>,
}

impl std::fmt::Display for RulesSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "rules of {} from release {} on:",
            self.target,
            self.id.short()
        )?;
        for rule in &self.rules {
            write!(f, "\n  {rule}")?;
        }
        Ok(())
    }
}

impl RulesSet {
    /// What a release's rules say that those of the one before did not.
    pub fn since(before: Option<&[RuleInEffect]>, head: &ReleaseRecord) -> Option<Self> {
        let rules = head.baseline.as_ref()?.rules.iter();
        // The place in the file moves with every line that is added above it.
        let says_it = |rule: &RuleInEffect, old: &RuleInEffect| {
            old.key == rule.key && old.value == rule.value
        };
        let is_new = |rule: &&RuleInEffect| {
            !before.is_some_and(|before| before.iter().any(|old| says_it(rule, old)))
        };
        let rules: Vec<_> = rules.filter(is_new).map(RuleInEffect::sanitize).collect();
        (!rules.is_empty()).then(|| Self {
            id: head.id,
            target: head.target.clone(),
            rules,
        })
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proven {
    /// How many releases were looked at.
    pub releases: usize,
    /// How many holds and repairs.
    pub beside: usize,
    /// Of both, whose hashes are whole.
    pub whole: usize,
    /// That an older Greenroom wrote without any.
    pub not_chained: usize,
    /// That were not held against a store: it is not configured, not asked, or has it no more.
    pub not_compared: usize,
    /// That were sealed, and held against their seals.
    pub sealed: usize,
    /// Those that are not what was written, newest first, releases before holds and repairs.
    pub wrong: Vec<Wrong>,
    /// The rules of each target's first release, and every change of them, newest first.
    pub rules: Vec<RulesSet>,
    /// The targets whose store was not heard, and why.
    pub silent: BTreeMap<Target, String>,
}

impl Proven {
    /// All of it in a sentence.
    pub fn words(&self) -> String {
        format!(
            "{} releases, {} holds and repairs: {} whole, {} not chained (an older Greenroom wrote \
             them), {} wrong; {} were not compared with a store, {} with a seal",
            self.releases,
            self.beside,
            self.whole,
            self.not_chained,
            self.wrong.len(),
            self.not_compared,
            self.sealed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Baseline;
    use crate::history::samples_for_tests::head;
    use crate::inventory::PerSlot;

    fn rule(value: &str, line: u32) -> RuleInEffect {
        RuleInEffect {
            key: "rules.approvals".into(),
            value: value.into(),
            from: format!("greenroom.toml:{line}:3"),
        }
    }

    fn under(rules: Vec<RuleInEffect>) -> ReleaseRecord {
        let mut head = head(1);
        head.baseline = Some(Baseline {
            generation: 1,
            before: None,
            endpoints: PerSlot::from_fn(|_| "127.0.0.1:3001".parse().unwrap()),
            shape: "shape".into(),
            leftover: None,
            rules,
        });
        head
    }

    #[test]
    fn a_rule_that_says_something_else_is_a_change_and_a_moved_line_is_none() {
        let before = [rule("2", 12)];
        assert_eq!(
            RulesSet::since(Some(&before), &under(vec![rule("2", 14)])),
            None
        );
        let changed = RulesSet::since(Some(&before), &under(vec![rule("1", 12)]));
        let said = changed.expect("a change").to_string();
        assert!(
            said.ends_with("approvals      1  (greenroom.toml:12:3)"),
            "{said}"
        );
        let first = RulesSet::since(None, &under(before.to_vec())).expect("the first");
        assert_eq!(first.rules, before);
    }
}
