//! Whether a later release of a target overtook an earlier one without an end, so that the earlier one must not be
//! resumed. Pure.
//!
//! A head alone proves nothing: another program that may write below the target's prefix can copy and change one. The
//! claim of a head is compared with records that only the driver that holds the lock can write: the route, and the live
//! pointer of the proxy. Both count every switch.
//!
//! - A release is planned one generation above both. A head without an end that claims more does not belong to a
//!   release.
//! - A release that has ended took the traffic only if the route or the pointer has reached its generation. One that
//!   ended earlier cannot disturb a resumed release, which observes its slot before it acts.
//! - If the proxy does not answer, its generation is unknown. Then every generation that a switch can make counts.

use super::ReleaseRecord;
use super::order::last_begun;
use crate::inventory::{HIGHEST_GENERATION, ReleaseId, Route, Target};

/// The switches of a target, from its route and its proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchesSeen {
    /// The generation of the route, and the release that wrote it; none without a route.
    route: Option<(u64, ReleaseId)>,
    /// The highest generation of route and proxy; none if the proxy's is unknown.
    highest: Option<u64>,
}

impl SwitchesSeen {
    /// `pointed` is the highest generation of any switch that the proxy knows; none if it is unknown.
    pub fn new(route: Option<&Route>, pointed: Option<u64>) -> Self {
        let route = route.map(|route| (route.generation, route.release));
        let routed = route.map_or(0, |(generation, _)| generation);
        Self {
            route,
            highest: pointed.map(|pointed| pointed.max(routed)),
        }
    }

    /// Whether the claim of the head is possible after these switches.
    fn agree_with(&self, head: &ReleaseRecord) -> bool {
        let is_open = head.closed.is_none();
        let Some(baseline) = &head.baseline else {
            // An older Greenroom did not record the generation.
            return is_open || self.route.is_some_and(|(_, by)| by == head.id);
        };
        let generation = baseline.generation;
        let highest = self.highest.unwrap_or(HIGHEST_GENERATION);
        if is_open {
            return generation <= highest.saturating_add(1).min(HIGHEST_GENERATION);
        }
        let is_of_another = |(at, by)| at == generation && by != head.id;
        generation <= highest && !self.route.is_some_and(is_of_another)
    }
}

/// The last release that overtook `of`, if any.
pub fn overtaken_by<'a>(
    of: &ReleaseRecord,
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
    seen: SwitchesSeen,
) -> Option<&'a ReleaseRecord> {
    last_begun(claims(of, heads).filter(|head| counts(of, head, seen)))
}

/// A line for each head that claims to have overtaken `of` and is ignored, because it contradicts the switches of the
/// target.
pub fn ignored_claims<'a>(
    of: &ReleaseRecord,
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
    seen: SwitchesSeen,
) -> Vec<String> {
    let ignored = claims(of, heads).filter(|head| !counts(of, head, seen));
    ignored.map(|head| ignored_line(head, seen)).collect()
}

fn claims<'a>(
    of: &ReleaseRecord,
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
) -> impl Iterator<Item = &'a ReleaseRecord> {
    let heads = heads.into_iter();
    heads.filter(move |head| head.id != of.id && head.claims_to_overtake(of))
}

fn counts(of: &ReleaseRecord, head: &ReleaseRecord, seen: SwitchesSeen) -> bool {
    // An older Greenroom opened `of`, so its head cannot be compared with the route.
    of.baseline.is_none() || seen.agree_with(head)
}

fn ignored_line(head: &ReleaseRecord, seen: SwitchesSeen) -> String {
    let ReleaseRecord { id, target, .. } = head;
    let claims = match &head.baseline {
        Some(baseline) => format!("claims generation {}", baseline.generation),
        None => "claims no generation".to_owned(),
    };
    let routed = routed(target, seen);
    format!("the head of release {id} {claims}, but {routed}: Greenroom ignores this head")
}

/// `the route of web/qa says 41`.
fn routed(target: &Target, seen: SwitchesSeen) -> String {
    match seen.route {
        Some((generation, by)) => {
            format!("the route of {target} says {generation}, written by release {by}")
        }
        None => format!("{target} has no route"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::history::current;
    use crate::history::samples_for_tests::planned as head;
    use crate::inventory::{FencingToken, Slot};

    fn route(generation: u64, release: u128) -> Route {
        Route {
            generation,
            live: Slot::Blue,
            endpoint: "127.0.0.1:3001".parse().unwrap(),
            digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
            release: ReleaseId(ulid::Ulid(release)),
            token: FencingToken(1),
        }
    }

    /// A route of this generation, written by this release, and a proxy that agrees with it.
    fn switched(generation: u64, release: u128) -> SwitchesSeen {
        SwitchesSeen::new(Some(&route(generation, release)), Some(generation))
    }

    struct Case {
        what: &'static str,
        /// Id and generation of the release without an end.
        open: (u128, u64),
        /// Id and generation of the other head.
        other: (u128, u64),
        /// Whether the other release started on the version of the first.
        is_on_top: bool,
        is_overtaken: bool,
    }

    const fn case(
        what: &'static str,
        open: (u128, u64),
        other: (u128, u64),
        is_on_top: bool,
        is_overtaken: bool,
    ) -> Case {
        Case {
            what,
            open,
            other,
            is_on_top,
            is_overtaken,
        }
    }

    /// Releases that have ended; the other one switched.
    const CASES: &[Case] = &[
        case("a later release", (100, 5), (200, 6), false, true),
        case(
            "a later one that saw the same route",
            (100, 5),
            (200, 5),
            false,
            true,
        ),
        case("an earlier release", (200, 6), (100, 5), false, false),
        case(
            "an earlier one, by a clock that was ahead",
            (100, 5),
            (900, 4),
            false,
            false,
        ),
        case(
            "generations that started again",
            (200, 1),
            (100, 41),
            false,
            false,
        ),
        case(
            "generations that started again, later",
            (200, 2),
            (100, 41),
            false,
            false,
        ),
        case(
            "a restored store: the same generation, an older id",
            (200, 5),
            (100, 5),
            false,
            false,
        ),
        case(
            "started on its switch, its clock was ahead",
            (900, 5),
            (100, 6),
            true,
            true,
        ),
        case(
            "a lower generation never overtakes",
            (100, 6),
            (900, 5),
            true,
            false,
        ),
    ];

    #[test]
    fn only_a_head_with_a_later_generation_and_a_later_id_or_baseline_overtakes() {
        for case in CASES {
            let open = head(case.open.0, Some(case.open.1), true);
            let mut other = head(case.other.0, Some(case.other.1), false);
            other.from = case.is_on_top.then(|| open.to.clone());
            let seen = switched(case.other.1, case.other.0);
            let heads = [other, open.clone()];
            assert_eq!(current(&heads), Some(&open), "{}", case.what);
            let by = overtaken_by(&open, &heads, seen);
            assert_eq!(by.is_some(), case.is_overtaken, "{}", case.what);
        }
    }

    #[test]
    fn without_a_generation_the_id_decides() {
        let interrupted = head(100, None, true);
        let heads = [head(200, Some(1), false), interrupted.clone()];
        let by = overtaken_by(&interrupted, &heads, switched(7, 1));
        assert_eq!(by, Some(&heads[0]));
    }

    /// Heads that were written without a lock, and a release of generation 5 that was interrupted before or after its
    /// switch.
    #[test]
    fn a_head_that_contradicts_the_route_is_ignored_with_a_line() {
        let interrupted = head(100, Some(5), true);
        let forged = [
            (Some(6), false),
            (Some(41), false),
            (Some(41), true),
            (Some(HIGHEST_GENERATION), true),
            (Some(u64::MAX), true),
            (Some(u64::MAX), false),
            (None, false),
        ];
        for (generation, is_open) in forged {
            for seen in [switched(4, 50), switched(5, 100)] {
                let heads = [head(900, generation, is_open), interrupted.clone()];
                let by = overtaken_by(&interrupted, &heads, seen);
                let is_possible = is_open && generation == Some(6) && seen == switched(5, 100);
                assert_eq!(by.is_some(), is_possible, "{generation:?} {is_open}");
                let lines = ignored_claims(&interrupted, &heads, seen);
                assert_eq!(lines.len(), usize::from(!is_possible), "{lines:?}");
            }
        }
        let heads = [head(900, Some(41), false)];
        let lines = ignored_claims(&interrupted, &heads, switched(4, 50));
        let (id, by) = (heads[0].id, ReleaseId(ulid::Ulid(50)));
        assert_eq!(
            lines,
            [format!(
                "the head of release {id} claims generation 41, but the route of web/qa says 4, written by release {by}: Greenroom ignores this head"
            )]
        );
    }

    #[test]
    fn a_copied_head_of_the_current_generation_is_ignored() {
        let interrupted = head(100, Some(5), true);
        let heads = [head(900, Some(5), false)];
        assert_eq!(
            overtaken_by(&interrupted, &heads, switched(5, 100)),
            None,
            "the route was written by the interrupted release"
        );
    }

    #[test]
    fn a_release_without_an_end_overtakes_before_its_switch() {
        let interrupted = head(100, Some(5), true);
        let heads = [head(200, Some(5), true)];
        let by = overtaken_by(&interrupted, &heads, switched(4, 50));
        assert_eq!(by, Some(&heads[0]));
    }

    #[test]
    fn while_the_proxy_does_not_answer_every_possible_generation_counts() {
        let interrupted = head(100, Some(5), true);
        let unknown = SwitchesSeen::new(Some(&route(4, 50)), None);
        for (generation, counts) in [
            (6, true),
            (HIGHEST_GENERATION, true),
            (HIGHEST_GENERATION + 1, false),
        ] {
            for is_open in [true, false] {
                let heads = [head(900, Some(generation), is_open)];
                let by = overtaken_by(&interrupted, &heads, unknown);
                assert_eq!(by.is_some(), counts, "{generation}");
            }
        }
    }

    #[test]
    fn a_proxy_that_is_ahead_of_the_route_proves_a_switch() {
        let interrupted = head(100, Some(5), true);
        let heads = [head(200, Some(6), false)];
        let seen = SwitchesSeen::new(Some(&route(4, 50)), Some(6));
        assert_eq!(overtaken_by(&interrupted, &heads, seen), Some(&heads[0]));
    }

    /// What one release did while it held the lock: whether it switched, and whether its end was written.
    fn history() -> impl Strategy<Value = Vec<(bool, bool)>> {
        prop::collection::vec(any::<(bool, bool)>(), 1..12)
    }

    proptest! {
        /// In any sequence of releases, a release without an end is overtaken by every later one that has no end or has
        /// switched. So no two of them can be resumed, and none after another one's switch.
        #[test]
        fn a_later_release_that_is_open_or_has_switched_overtakes(
            history in history(),
            forged in prop::collection::vec((any::<u64>(), any::<bool>()), 0..4),
        ) {
            let (mut generation, mut by) = (0, 0);
            let mut heads = Vec::new();
            for (number, (switches, ends)) in (1_u128..).zip(&history) {
                heads.push((head(number * 100, Some(generation + 1), !ends), *switches));
                if *switches {
                    (generation, by) = (generation + 1, number * 100);
                }
            }
            let route = (generation > 0).then(|| route(generation, by));
            let seen = SwitchesSeen::new(route.as_ref(), Some(generation));
            let mut all: Vec<ReleaseRecord> = heads.iter().map(|(head, _)| head.clone()).collect();
            let above = |claimed: u64| claimed.saturating_add(generation + 2);
            all.extend((1_u128..).zip(forged).map(|(number, (claimed, is_open))| {
                head(100_000 + number, Some(above(claimed)), is_open)
            }));
            for (at, (head, _)) in heads.iter().enumerate() {
                let later = &heads[at + 1..];
                let is_later = later
                    .iter()
                    .any(|(later, switched)| later.closed.is_none() || *switched);
                if head.closed.is_none() {
                    prop_assert_eq!(overtaken_by(head, &all, seen).is_some(), is_later);
                }
            }
        }
    }
}
