//! Which release of a target began after which, and which one is its current release. Pure.
//!
//! Ids are made by the clocks of operators. A clock that was ahead has made an id that is greater than those of
//! releases that began later, and a Greenroom before [`ReleaseId::after`] or another program did not correct it. What
//! cannot be wrong is the generation that a release has planned its switch with: it is one above what store and proxy
//! had when it began, it is compared under the lock, and it only grows. So of two releases the one with the higher
//! generation began later. Two that have the same saw the same route; then the id decides.
//!
//! A generation starts again at 1 where the route's key was removed and the proxy's host was rebuilt. Then releases of
//! before have a higher generation and a smaller id. So a release counts as overtaken only where the other one has no
//! lower generation, and either a greater id or a plan that was made with this release's own switch. Where another
//! release switched the traffic since, the route says so besides, and resuming is refused.

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

impl ReleaseRecord {
    /// Whether it was begun while `other` was open or after it, so that `other` must not be resumed.
    fn overtakes(&self, other: &Self) -> bool {
        let (Some(own), Some(before)) = (&self.footing, &other.footing) else {
            return self.id > other.id;
        };
        let is_on_top = own.before == Some(before.generation)
            && self.from.as_ref().is_some_and(|from| *from == other.to);
        own.generation >= before.generation && (self.id > other.id || is_on_top)
    }
}

/// The release that began last.
fn last_begun<'a>(heads: impl IntoIterator<Item = &'a ReleaseRecord>) -> Option<&'a ReleaseRecord> {
    heads
        .into_iter()
        .reduce(|last, next| if next.began_after(last) { next } else { last })
}

/// The release that a target is about: the last one without an end, also where one that has ended has a greater id;
/// where every one has ended, the one with the greatest id.
pub fn current<'a>(
    heads: impl IntoIterator<Item = &'a ReleaseRecord> + Clone,
) -> Option<&'a ReleaseRecord> {
    let open = heads
        .clone()
        .into_iter()
        .filter(|head| head.closed.is_none());
    last_begun(open).or_else(|| heads.into_iter().max_by_key(|head| head.id))
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
    last_begun(heads.filter(|head| head.id != of.id && head.overtakes(of)))
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
    }

    type Overtaken = (&'static str, (u128, u64), (u128, u64), bool, bool);

    /// The open release, another head, whether that one was begun on the version of the open one, and whether the
    /// open one was overtaken.
    const OVERTAKEN: &[Overtaken] = &[
        ("a later release", (100, 5), (200, 6), false, true),
        (
            "a later one that saw the same route",
            (100, 5),
            (200, 5),
            false,
            true,
        ),
        ("an earlier release", (200, 6), (100, 5), false, false),
        (
            "an earlier one, by a clock that was ahead",
            (100, 5),
            (900, 4),
            false,
            false,
        ),
        (
            "generations that started again",
            (200, 1),
            (100, 41),
            false,
            false,
        ),
        (
            "generations that started again, later",
            (200, 2),
            (100, 41),
            false,
            false,
        ),
        (
            "a restored store: the same generation, an older id",
            (200, 5),
            (100, 5),
            false,
            false,
        ),
        (
            "begun on its switch, its clock was ahead",
            (900, 5),
            (100, 6),
            true,
            true,
        ),
        (
            "a lower generation never overtakes",
            (100, 6),
            (900, 5),
            true,
            false,
        ),
    ];

    #[test]
    fn only_a_head_that_began_later_by_its_generation_and_its_id_or_footing_overtakes() {
        for (what, open, other, is_on_top, expected) in OVERTAKEN {
            let open = head(open.0, Some(open.1), true);
            let mut other = head(other.0, Some(other.1), false);
            other.from = is_on_top.then(|| open.to.clone());
            let heads = [other.clone(), open.clone()];
            assert_eq!(current(&heads), Some(&open), "{what}");
            assert_eq!(overtaken_by(&open, &heads).is_some(), *expected, "{what}");
        }
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
