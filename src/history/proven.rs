//! The result of verifying that records are unchanged. Pure.

use std::collections::BTreeMap;

use super::{ReleaseRecord, RuleInEffect};
use crate::inventory::{ReleaseId, Target};

/// A release, a hold or a repair that was changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Wrong {
    /// Its kind, in one word; `record` if only its seal is left.
    pub kind: &'static str,
    /// Its id.
    pub id: ReleaseId,
    /// Its target.
    pub target: Target,
    /// What was changed, the first record of each kind; sanitized.
    pub wrong: Vec<String>,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}  {}", self.kind, self.id, self.target)
    }
}

/// The rules of a release that differ from those of the release before it in its target; all rules of the first
/// release.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RulesSet {
    /// The release.
    pub id: ReleaseId,
    /// Its target.
    pub target: Target,
    /// The rules that are new or changed, each with where it is written; sanitized.
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
    /// The rules of a release that the one before did not have; none if there is no change.
    pub fn since(before: Option<&[RuleInEffect]>, head: &ReleaseRecord) -> Option<Self> {
        let rules = head.baseline.as_ref()?.rules.iter();
        // The place in the file is not compared: it moves with every line that is added above it.
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

/// The result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proven {
    /// How many releases were verified.
    pub releases: usize,
    /// How many holds and repairs were verified.
    pub beside: usize,
    /// How many of both have complete and correct hashes.
    pub whole: usize,
    /// How many of both an older Greenroom wrote without hashes.
    pub not_chained: usize,
    /// How many were not compared with a store, because it is not configured, was not asked, or no longer has the
    /// record.
    pub not_compared: usize,
    /// How many were sealed and compared with their seals.
    pub sealed: usize,
    /// The changed records, newest first, releases before holds and repairs.
    pub wrong: Vec<Wrong>,
    /// The rules of each target's first release, and every change of them, newest first.
    pub rules: Vec<RulesSet>,
    /// The targets whose store did not answer, and why.
    pub silent: BTreeMap<Target, String>,
}

impl Proven {
    /// The result in one sentence.
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
    fn a_changed_value_is_a_change_and_a_moved_line_is_not() {
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
