//! The order of the releases of a target, and which of them is the current release.
//!
//! Ids come from the clocks of operators. If a clock was ahead, an id is greater than the ids of releases that started
//! later. [`ReleaseId::after`] prevents this, but older versions of Greenroom and other programs do not use it. The
//! generation that a release planned for its switch is reliable: it is one above the generation that store and proxy
//! had when the release started, it is compared under the lock, and it only grows. So of two releases, the one with the
//! higher generation started later. Two releases with the same generation saw the same route, and then the id decides.
//!
//! A generation starts again at 1 if the key of the route was removed and the host of the proxy was rebuilt. Then
//! earlier releases have a higher generation and a smaller id. So a release claims to have overtaken another release
//! only if two conditions are met. Its generation is not lower than the generation of the other release. And its id is
//! greater, or its plan is based on the switch of the other release. [`super::overtaken_by`] decides whether such a
//! claim is credible.

use super::ReleaseRecord;
use crate::inventory::HIGHEST_GENERATION;
#[cfg(doc)]
use crate::inventory::ReleaseId;

/// How many of the newest heads are searched for a release without an end. Only ids that were made without
/// [`ReleaseId::after`] can be out of order, so a few heads are enough.
pub const SEARCHED_FOR_OPEN: usize = 8;

impl ReleaseRecord {
    /// Whether this release started after `other`, a release of the same target. The release whose planned switch has
    /// the higher generation started later. If the generations are equal, or if one is missing or impossible, the
    /// greater id decides.
    pub fn started_after(&self, other: &Self) -> bool {
        let generations = self.possible_generation().zip(other.possible_generation());
        let differ = generations
            .map(|(own, other)| own.cmp(&other))
            .filter(|order| order.is_ne());
        differ.unwrap_or_else(|| self.id.cmp(&other.id)).is_gt()
    }

    /// The generation that the planned switch makes. None if the head has no generation, or a generation that no switch
    /// can make.
    fn possible_generation(&self) -> Option<u64> {
        let generation = self.baseline.as_ref()?.generation;
        (generation <= HIGHEST_GENERATION).then_some(generation)
    }

    /// Whether the head claims to have overtaken `other`, by the rule in the description of this module. If one of the
    /// heads has no generation, the greater id decides.
    pub(super) fn claims_to_overtake(&self, other: &Self) -> bool {
        let (Some(own), Some(before)) = (&self.baseline, &other.baseline) else {
            return self.id > other.id;
        };
        let is_based_on_other = own.before == Some(before.generation)
            && self.from.as_ref().is_some_and(|from| *from == other.to);
        own.generation >= before.generation && (self.id > other.id || is_based_on_other)
    }
}

/// Finds the release that started last.
pub(super) fn last_started<'a>(
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
) -> Option<&'a ReleaseRecord> {
    heads
        .into_iter()
        .reduce(|last, next| if next.started_after(last) { next } else { last })
}

/// The current release of a target. If some releases have no end, the release that started last among them, even if a
/// release that has ended has a greater id. If every release has ended, the release with the greatest id.
pub fn current<'a>(
    heads: impl IntoIterator<Item = &'a ReleaseRecord> + Clone,
) -> Option<&'a ReleaseRecord> {
    let open = heads
        .clone()
        .into_iter()
        .filter(|head| head.closed.is_none());
    last_started(open).or_else(|| heads.into_iter().max_by_key(|head| head.id))
}

/// The current release, from heads in the order newest first. Fails if the newest head cannot be read, because that
/// release may be running. Older heads that cannot be read are skipped.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::samples_for_tests::planned as head;

    #[test]
    fn a_head_without_an_end_is_current_even_if_a_closed_one_has_a_greater_id() {
        let ahead = head(900, Some(4), false);
        let killed = head(100, Some(5), true);
        let heads = [ahead.clone(), killed.clone()];
        assert_eq!(current(&heads), Some(&killed));
    }

    #[test]
    fn a_generation_that_no_switch_makes_says_nothing_about_the_order() {
        let heads = [
            head(200, Some(5), true),
            head(100, Some(HIGHEST_GENERATION + 1), true),
        ];
        assert_eq!(current(&heads), Some(&heads[0]));
        let possible = head(100, Some(HIGHEST_GENERATION), true);
        assert!(possible.started_after(&heads[0]));
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
