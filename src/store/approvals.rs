//! Reads the approvals of a target. An approver does not drive the release, so the keys that one approver writes must
//! neither stop a release nor hide the approvals of other people. Therefore the reader first lists the approvers by
//! their keys, then reads the newest approvals of each approver. Greenroom ignores approvals beyond the limits below
//! and approvals that are too large to read. The record of the target then names their keys as a problem.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::reader::StoreReader;
use super::{Store, values};
use crate::inventory::{PeerApproval, RegistryRecord, Target};
use crate::ports::kv::{self, Call, Command, Pair, Range};
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// The most approvers of a target whose approvals are read. If the answer is not too large, one transaction reads all
/// these approvals.
const MOST_APPROVERS: usize = 100;
/// The most approvals of one approver that are read: the newest ones. This is enough, because a target has one open
/// release at a time.
const PER_APPROVER: usize = 50;
/// How many keys are listed at a time to find the approvers.
const PAGE: usize = 500;

/// The approvals of a target as they were read.
#[derive(Default)]
pub(super) struct Approvals {
    pub(super) pairs: Vec<Pair>,
    /// The key prefixes that were not read completely, each with the reason and what to do.
    pub(super) unread: BTreeMap<String, String>,
}

impl Approvals {
    /// Adds the approvals to the record of a target. An approval that cannot be read, or does not match its key,
    /// becomes a problem of the record.
    pub(super) fn add_to(&self, below: &str, record: &mut RegistryRecord) {
        for pair in &self.pairs {
            let name = pair.key.strip_prefix(below.as_bytes());
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            let approval = values::decode::<PeerApproval>(pair).and_then(|approval| {
                approval.check_key(name.unwrap_or_default())?;
                Ok(approval)
            });
            match approval {
                Ok(approval) => record.peer_approvals.push(approval),
                Err(reason) => {
                    let reason = sanitize(&reason.to_string());
                    record.problems.insert(values::key(pair), reason);
                }
            }
        }
        record.problems.extend(self.unread.clone());
    }
}

impl StoreReader {
    pub(super) async fn approvals(&self, target: &Target, until: Instant) -> Result<Approvals> {
        let mut approvals = Approvals::default();
        let approvers = self.approvers(target, until, &mut approvals).await?;
        if approvers.is_empty() {
            return Ok(approvals);
        }
        let doing = &format!("reading the approvals of {target}");
        let call = Call { doing, until };
        let reads: Vec<Range> = approvers
            .iter()
            .map(|approver| newest_of(approver))
            .collect();
        match self.store.read(call, &reads).await {
            Ok(read) => {
                for (approver, pairs) in approvers.iter().zip(read.ranges) {
                    approvals.take(&self.store, approver, pairs);
                }
            }
            Err(failure) if is_too_large(&failure) => {
                for approver in &approvers {
                    match self.store.read_range(call, newest_of(approver)).await {
                        Ok(pairs) => approvals.take(&self.store, approver, pairs),
                        Err(failure) if is_too_large(&failure) => {
                            let approver = String::from_utf8_lossy(approver);
                            approvals.add_problem(&self.store, &approver, &failure.message);
                        }
                        Err(failure) => return Err(failure),
                    }
                }
            }
            Err(failure) => return Err(failure),
        }
        Ok(approvals)
    }

    /// Lists the key prefixes of the approvers. Adds a problem to `approvals` if there are too many approvers, or if
    /// the list is too large to read.
    async fn approvers(
        &self,
        target: &Target,
        until: Instant,
        approvals: &mut Approvals,
    ) -> Result<BTreeSet<Vec<u8>>> {
        let doing = &format!("listing the approvals of {target}");
        let call = Call { doing, until };
        let prefix = self.store.keys().peer_approvals(target);
        let mut from = prefix.clone().into_bytes();
        let mut approvers = BTreeSet::new();
        loop {
            let page = Range::between(from, kv::behind(&prefix))
                .keys_only()
                .limit(PAGE);
            let pairs = match self.store.read_range(call, page).await {
                Ok(pairs) => pairs,
                Err(failure) if is_too_large(&failure) => {
                    approvals.add_general_problem(&self.store, &prefix, &failure.message);
                    break;
                }
                Err(failure) => return Err(failure),
            };
            approvers.extend(pairs.iter().map(|pair| approver_prefix(&prefix, &pair.key)));
            let is_last = pairs.len() < PAGE;
            match pairs.last() {
                Some(last) if !is_last && approvers.len() <= MOST_APPROVERS => {
                    from = behind(&approver_prefix(&prefix, &last.key));
                }
                _ => break,
            }
        }
        while approvers.len() > MOST_APPROVERS {
            approvers.pop_last();
            let problem = format!(
                "more than {MOST_APPROVERS} people have written approvals, and Greenroom does not read the others"
            );
            approvals.add_general_problem(&self.store, &prefix, &problem);
        }
        Ok(approvers)
    }
}

impl Approvals {
    /// Adds the approvals of one approver, oldest first. `pairs` starts with the newest approval. If `pairs` has more
    /// approvals than the limit, adds only the newest approvals, and a problem.
    fn take(&mut self, store: &Store, approver: &[u8], mut pairs: Vec<Pair>) {
        if pairs.len() > PER_APPROVER {
            let problem = format!(
                "one person has written more than {PER_APPROVER} approvals, and Greenroom reads only the newest"
            );
            self.add_problem(store, &String::from_utf8_lossy(approver), &problem);
            pairs.truncate(PER_APPROVER);
        }
        pairs.reverse();
        self.pairs.extend(pairs);
    }

    fn add_problem(&mut self, store: &Store, approver: &str, problem: &str) {
        self.add(store, approver, approver, problem);
    }

    /// Adds a problem with the approvals of all approvers. The text shows how to delete the approvals of one approver.
    fn add_general_problem(&mut self, store: &Store, prefix: &str, problem: &str) {
        self.add(store, prefix, &format!("{prefix}NAME/"), problem);
    }

    fn add(&mut self, store: &Store, below: &str, deleted: &str, problem: &str) {
        let command = store.kv().command(Command::DeleteBelow(deleted));
        let message = format!(
            "{problem}; delete the approvals that no open release needs, for example with `{command}`"
        );
        self.unread.insert(sanitize(below), message);
    }
}

/// Whether the store refused an answer because of its size. The adapters report an answer that is too large as
/// unsupported.
fn is_too_large(failure: &Failure) -> bool {
    failure.kind == FailureKind::Unsupported
}

/// The newest approvals of one approver, newest first. Below the approver's name, each key ends with the id of a
/// release.
fn newest_of(approver: &[u8]) -> Range {
    let all = Range::between(approver, behind(approver));
    all.descending().limit(PER_APPROVER + 1)
}

/// The prefix of all keys of one approver, including the slash after the name; the whole key if no slash follows.
fn approver_prefix(prefix: &str, key: &[u8]) -> Vec<u8> {
    let name = key.get(prefix.len()..).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == b'/');
    let end = end.map_or(key.len(), |end| prefix.len() + end + 1);
    key.get(..end).unwrap_or(key).to_vec()
}

/// The first key after all keys of one approver.
fn behind(approver: &[u8]) -> Vec<u8> {
    match approver.split_last() {
        // `0` is the character after `/`.
        Some((b'/', name)) => [name, b"0"].concat(),
        _ => [approver, b"\0"].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_an_approver_ends_after_the_name() {
        let prefix = "/g/approvals/web/qa/";
        for (key, approver, next) in [
            ("ben/01JD4", "ben/", "ben0"),
            ("ben/01JD4/deeper", "ben/", "ben0"),
            ("ben", "ben", "ben\0"),
            ("/01JD4", "/", "0"),
        ] {
            let part = approver_prefix(prefix, format!("{prefix}{key}").as_bytes());
            assert_eq!(part, format!("{prefix}{approver}").as_bytes());
            assert_eq!(behind(&part), format!("{prefix}{next}").as_bytes());
        }
    }
}
