//! Which release of a target began after which, and which one is its current release. Pure.
//!
//! Ids are made by the clocks of operators. A clock that was ahead has made an id that is greater than those of
//! releases that began later, and a Greenroom before [`ReleaseId::after`] or another program did not correct it. What
//! cannot be wrong is the generation that a release has planned its switch with: it is one above what store and proxy
//! had when it began, it is compared under the lock, and it only grows. So of two releases the one with the higher
//! generation began later. Two that have the same saw the same route; then the id decides.
//!
//! Where the id decides wrongly, the earlier release counts as overtaken and can only be left. The other mistake, to
//! resume a release that another one came after, would need a generation that got lower.

use super::ReleaseRecord;
#[cfg(doc)]
use crate::inventory::ReleaseId;

/// How many of the newest heads are searched for one without an end. Ids that are out of order are older than
/// [`ReleaseId::after`], so there are few of them.
pub const SEARCHED_FOR_OPEN: usize = 8;

impl ReleaseRecord {
    /// Whether it began after `other`, of the same target.
    pub fn began_after(&self, other: &Self) -> bool {
        let generations = self.footing.as_ref().zip(other.footing.as_ref());
        let differ = generations
            .map(|(own, other)| own.generation.cmp(&other.generation))
            .filter(|order| order.is_ne());
        differ.unwrap_or_else(|| self.id.cmp(&other.id)).is_gt()
    }
}

/// The release that began last.
fn last_begun<'a>(heads: impl IntoIterator<Item = &'a ReleaseRecord>) -> Option<&'a ReleaseRecord> {
    heads
        .into_iter()
        .reduce(|last, next| if next.began_after(last) { next } else { last })
}

/// The release that a target is about: the last one without an end, also where one that has ended has a greater id;
/// where every one has ended, the last.
pub fn current<'a>(
    heads: impl IntoIterator<Item = &'a ReleaseRecord> + Clone,
) -> Option<&'a ReleaseRecord> {
    let open = heads
        .clone()
        .into_iter()
        .filter(|head| head.closed.is_none());
    last_begun(open).or_else(|| last_begun(heads))
}

/// The current release from heads as they were read, newest first. The newest one that cannot be read may be under
/// way: that is a failure. What cannot be read of older ones hides no other.
pub fn current_read<E>(
    heads: impl IntoIterator<Item = Result<ReleaseRecord, E>>,
) -> Option<Result<ReleaseRecord, E>> {
    let mut heads = heads.into_iter();
    let newest = match heads.next()? {
        Ok(newest) => newest,
        Err(failure) => return Some(Err(failure)),
    };
    let mut read = vec![newest];
    read.extend(heads.filter_map(Result::ok));
    current(&read).cloned().map(Ok)
}

/// The release that came after `of`, if any did: the last one.
pub fn overtaken_by<'a>(
    of: &ReleaseRecord,
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
) -> Option<&'a ReleaseRecord> {
    let heads = heads.into_iter();
    last_begun(heads.filter(|head| head.id != of.id && head.began_after(of)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::history::samples_for_tests::head as sample;
    use crate::history::{Footing, Outcome};
    use crate::inventory::{PerSlot, ReleaseId};

    fn head(id: u128, generation: Option<u64>, is_open: bool) -> ReleaseRecord {
        let mut head = sample(1);
        head.id = ReleaseId(ulid::Ulid(id));
        head.footing = generation.map(|generation| Footing {
            generation,
            before: generation.checked_sub(1),
            endpoints: PerSlot::from_fn(|_| "127.0.0.1:3001".parse().unwrap()),
            shape: "shape".into(),
            leftover: None,
            rules: Vec::new(),
        });
        head.closed = (!is_open).then_some((Timestamp::UNIX_EPOCH, Outcome::Done));
        head
    }

    #[test]
    fn a_head_without_an_end_is_the_current_one_also_where_a_closed_one_has_a_greater_id() {
        let ahead = head(900, Some(4), false);
        let killed = head(100, Some(5), true);
        let heads = [ahead.clone(), killed.clone()];
        assert_eq!(current(&heads), Some(&killed));
        assert_eq!(overtaken_by(&killed, &heads), None);
        assert_eq!(overtaken_by(&ahead, &heads), Some(&killed));
    }

    #[test]
    fn a_later_release_of_the_same_or_a_higher_generation_overtakes_one_without_an_end() {
        let interrupted = head(100, Some(5), true);
        for later in [head(200, Some(5), false), head(200, Some(6), false)] {
            let heads = [later.clone(), interrupted.clone()];
            assert_eq!(current(&heads), Some(&interrupted));
            assert_eq!(overtaken_by(&interrupted, &heads), Some(&later));
        }
    }

    #[test]
    fn where_a_generation_is_not_known_the_id_decides() {
        let interrupted = head(100, None, true);
        let later = head(200, Some(1), false);
        let heads = [later.clone(), interrupted.clone()];
        assert_eq!(overtaken_by(&interrupted, &heads), Some(&later));
    }

    #[test]
    fn of_several_without_an_end_the_last_one_is_current() {
        let heads = [
            head(900, Some(3), true),
            head(200, Some(5), true),
            head(100, Some(4), true),
        ];
        assert_eq!(current(&heads), Some(&heads[1]));
        assert_eq!(current(&heads[..0]), None);
    }
}
