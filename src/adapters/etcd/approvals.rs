//! Reads the approvals of a target. An approver does not drive: what one approver writes must neither stop a release
//! nor hide the approvals of another. So the reader lists the approvers by their keys, then reads the newest approvals
//! of each. Approvals beyond these limits, or too large to read, do not count, and the record of the target names them.

use std::collections::{BTreeMap, BTreeSet};

use etcd_client::{GetOptions, KeyValue, SortOrder, SortTarget, TxnOp};
use tokio::time::Instant;

use super::error::is_too_large;
use super::reader::EtcdReader;
use super::values;
use crate::inventory::{PeerApproval, RegistryRecord, Target};
use crate::ports::Result;
use crate::sanitize::sanitize;

/// The most approvers of a target whose approvals are read, in one transaction.
const MOST_APPROVERS: usize = 100;
/// How many approvals of one approver are read: the newest. A target has one open release at a time.
const PER_APPROVER: i64 = 50;
/// How many keys are listed at a time to find the approvers.
const PAGE: i64 = 500;

/// The approvals of a target as they were read.
#[derive(Default)]
pub(super) struct Approvals {
    pub(super) pairs: Vec<KeyValue>,
    /// What was not read, by key prefix, with the reason.
    pub(super) unread: BTreeMap<String, String>,
}

impl Approvals {
    /// Adds them to a record. An approval that cannot be read, or does not match its key, becomes a problem of the
    /// record.
    pub(super) fn into_record(self, below: &str, record: &mut RegistryRecord) {
        for pair in &self.pairs {
            let name = pair.key().strip_prefix(below.as_bytes());
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            let given = values::decode::<PeerApproval>(pair);
            let given = given.and_then(|given| {
                given.check_key(name.unwrap_or_default())?;
                Ok(given)
            });
            match given {
                Ok(given) => record.peer_approvals.push(given),
                Err(words) => {
                    record.problems.insert(values::key(pair), sanitize(&words));
                }
            }
        }
        record.problems.extend(self.unread);
    }
}

impl EtcdReader {
    pub(super) async fn approvals(&self, target: &Target, until: Instant) -> Result<Approvals> {
        let mut approvals = Approvals::default();
        let approvers = self.approvers(target, until, &mut approvals).await?;
        if approvers.is_empty() {
            return Ok(approvals);
        }
        let doing = format!("reading the approvals of {target}");
        let reads = approvers.iter().map(|own| newest_of(own)).collect();
        match self.store.ranges(&doing, until, reads).await {
            Ok((_, found)) => {
                for (own, pairs) in approvers.iter().zip(found) {
                    approvals.take(own, pairs);
                }
            }
            Err(failure) if is_too_large(&failure.said) => {
                for own in &approvers {
                    let read = self.store.ranges(&doing, until, vec![newest_of(own)]).await;
                    match read {
                        Ok((_, found)) => {
                            let pairs = found.into_iter().flatten().collect();
                            approvals.take(own, pairs);
                        }
                        Err(failure) if is_too_large(&failure.said) => {
                            approvals.tell(&String::from_utf8_lossy(own), &failure.said);
                        }
                        Err(failure) => return Err(failure),
                    }
                }
            }
            Err(failure) => return Err(failure),
        }
        Ok(approvals)
    }

    /// The key prefixes of the approvers.
    async fn approvers(
        &self,
        target: &Target,
        until: Instant,
        approvals: &mut Approvals,
    ) -> Result<BTreeSet<Vec<u8>>> {
        let doing = format!("listing the approvals of {target}");
        let keys = self.store.keys();
        let all = keys.peer_approvals(target);
        let mut from = all.clone().into_bytes();
        let mut approvers = BTreeSet::new();
        loop {
            let page = GetOptions::new()
                .with_range(keys.behind_peer_approvals(target))
                .with_keys_only()
                .with_limit(PAGE);
            let read = TxnOp::get(from, Some(page));
            let pairs = match self.store.ranges(&doing, until, vec![read]).await {
                Ok((_, found)) => found.into_iter().flatten().collect::<Vec<_>>(),
                Err(failure) if is_too_large(&failure.said) => {
                    approvals.tell_all(&all, &failure.said);
                    break;
                }
                Err(failure) => return Err(failure),
            };
            approvers.extend(pairs.iter().map(|pair| approver_prefix(&all, pair.key())));
            let is_last = i64::try_from(pairs.len()).is_ok_and(|count| count < PAGE);
            match pairs.last() {
                Some(last) if !is_last && approvers.len() <= MOST_APPROVERS => {
                    from = behind(&approver_prefix(&all, last.key()));
                }
                _ => break,
            }
        }
        while approvers.len() > MOST_APPROVERS {
            approvers.pop_last();
            let most = format!(
                "more than {MOST_APPROVERS} people have written approvals, and Greenroom reads no more"
            );
            approvals.tell_all(&all, &most);
        }
        Ok(approvers)
    }
}

impl Approvals {
    /// Adds the approvals of one approver, newest first.
    fn take(&mut self, own: &[u8], mut pairs: Vec<KeyValue>) {
        let most = usize::try_from(PER_APPROVER).unwrap_or(usize::MAX);
        if pairs.len() > most {
            let words =
                format!("there are more than {PER_APPROVER}, and Greenroom reads only the newest");
            self.tell(&String::from_utf8_lossy(own), &words);
            pairs.truncate(most);
        }
        pairs.reverse();
        self.pairs.extend(pairs);
    }

    /// Adds a problem with the approvals of one approver.
    fn tell(&mut self, own: &str, why: &str) {
        self.add(own, own, why);
    }

    /// Adds a problem with the approvals of all. One approver's approvals can be deleted by name.
    fn tell_all(&mut self, all: &str, why: &str) {
        self.add(all, &format!("{all}NAME/"), why);
    }

    fn add(&mut self, below: &str, deleted: &str, why: &str) {
        let (below, deleted) = (sanitize(below), sanitize(deleted));
        let words = format!(
            "{why}; delete those that no open release needs, for example with `etcdctl del --prefix {deleted}`"
        );
        self.unread.insert(below, words);
    }
}

/// The newest approvals of one approver, newest first: below a name, keys end with the id of a release.
fn newest_of(own: &[u8]) -> TxnOp {
    let newest = GetOptions::new()
        .with_range(behind(own))
        .with_sort(SortTarget::Key, SortOrder::Descend)
        .with_limit(PER_APPROVER + 1);
    TxnOp::get(own, Some(newest))
}

/// The prefix of all keys of one approver, with the slash after the name; the whole key if it has no slash.
fn approver_prefix(all: &str, key: &[u8]) -> Vec<u8> {
    let name = key.get(all.len()..).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == b'/');
    let end = end.map_or(key.len(), |end| all.len() + end + 1);
    key.get(..end).unwrap_or(key).to_vec()
}

/// The first key after all keys of one approver.
fn behind(own: &[u8]) -> Vec<u8> {
    match own.split_last() {
        // `0` is the character after `/`.
        Some((b'/', name)) => [name, b"0"].concat(),
        _ => [own, b"\0"].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_an_approver_ends_after_the_name() {
        let all = "/g/approvals/web/qa/";
        for (key, own, next) in [
            ("ben/01JD4", "ben/", "ben0"),
            ("ben/01JD4/deeper", "ben/", "ben0"),
            ("ben", "ben", "ben\0"),
            ("/01JD4", "/", "0"),
        ] {
            let part = approver_prefix(all, format!("{all}{key}").as_bytes());
            assert_eq!(part, format!("{all}{own}").as_bytes());
            assert_eq!(behind(&part), format!("{all}{next}").as_bytes());
        }
    }
}
