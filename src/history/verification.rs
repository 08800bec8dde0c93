//! The result of verifying that records were not altered, for `greenroom history verify` and the console.

use std::collections::BTreeMap;

use super::{ReleaseRecord, RuleInEffect};
use crate::inventory::{ReleaseId, Target};

/// A release, a hold or a repair that was altered or cannot be verified.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AlteredRecord {
    /// One word: `release`, `hold` or `repair`. `record` if the seal is the only readable part.
    pub kind: &'static str,
    pub id: ReleaseId,
    pub target: Target,
    /// What is wrong with the record, sanitized; one line for each problem.
    pub wrong: Vec<String>,
}

impl std::fmt::Display for AlteredRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}  {}", self.kind, self.id, self.target)
    }
}

/// The rules of a release that the release before it in the same target did not have. For the first release of a
/// target, all rules.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RulesSet {
    pub id: ReleaseId,
    pub target: Target,
    /// The new or changed rules, sanitized. Each names the place where it is written.
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
    /// The rules that the release before did not have. None if there is no such rule, or if an older Greenroom wrote
    /// the head without rules.
    pub fn since(before: Option<&[RuleInEffect]>, head: &ReleaseRecord) -> Option<Self> {
        let rules = head.baseline.as_ref()?.rules.iter();
        // The place in the file is not compared: adding a line above the rule changes it.
        let is_same = |rule: &RuleInEffect, old: &RuleInEffect| {
            old.key == rule.key && old.value == rule.value
        };
        let is_new = |rule: &&RuleInEffect| {
            !before.is_some_and(|before| before.iter().any(|old| is_same(rule, old)))
        };
        let rules: Vec<_> = rules.filter(is_new).map(RuleInEffect::sanitize).collect();
        (!rules.is_empty()).then(|| Self {
            id: head.id,
            target: head.target.clone(),
            rules,
        })
    }
}

/// The counts and findings of one verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    pub releases: usize,
    /// How many holds and repairs were verified.
    pub audits: usize,
    /// How many records have complete and correct hashes.
    pub whole: usize,
    /// How many records have no hashes: an older Greenroom wrote them, or a writer removed every hash.
    pub not_chained: usize,
    /// How many records were not compared with a store: the store is not configured, was not read, or no longer has the
    /// record.
    pub not_compared: usize,
    /// How many records were compared with their seals.
    pub sealed: usize,
    /// The records with a problem: first releases, then holds and repairs, each group newest first, then sealed records
    /// that the archive does not have.
    pub wrong: Vec<AlteredRecord>,
    /// The rules of the first release of each target, and every later change of rules, newest first.
    pub rules: Vec<RulesSet>,
    /// The targets whose store did not answer, or whose seals could not be read, each with the reason.
    pub silent: BTreeMap<Target, String>,
}

impl Verification {
    /// The counts in one sentence.
    pub fn summary(&self) -> String {
        format!(
            "{} releases, {} holds and repairs: {} intact, {} without hashes (old Greenroom, or \
             hashes removed), {} altered or not verifiable; {} were not compared with a store, \
             {} were compared with a seal",
            self.releases,
            self.audits,
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
            leftover: Vec::new(),
            rules,
        });
        head
    }

    #[test]
    fn only_a_changed_value_is_a_change_of_the_rules() {
        let before = [rule("2", 12)];
        assert_eq!(
            RulesSet::since(Some(&before), &under(vec![rule("2", 14)])),
            None
        );
        let changed = RulesSet::since(Some(&before), &under(vec![rule("1", 12)]));
        let shown = changed.expect("a change").to_string();
        assert!(
            shown.ends_with("approvals      1  (greenroom.toml:12:3)"),
            "{shown}"
        );
        let first = RulesSet::since(None, &under(before.to_vec())).expect("the first");
        assert_eq!(first.rules, before);
    }
}
