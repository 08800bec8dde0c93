//! Decides whether a later release overtook an earlier release of the same target that has no end. A release that was
//! overtaken must not be resumed.
//!
//! A head alone proves nothing: another program that may write below the prefix of the target can copy and change a
//! head. So the claim of a head is compared with two records that only the driver that holds the lock can write: the
//! route, and the live pointer of the proxy. Both count every switch.
//!
//! - A release is planned one generation above the route and the live pointer. If a head without an end claims a higher
//!   generation, it is not the head of a real release.
//! - A release that has ended took the traffic only if the route or the live pointer has reached the generation of that
//!   release. A release that ended without a switch cannot disturb a resumed release, because a resumed release
//!   observes its slot before it acts.
//! - If the proxy does not answer, the generation of the live pointer is unknown. Then a generation is not too high as
//!   long as a switch can make it.

use super::ReleaseRecord;
use super::order::last_started;
use crate::inventory::{HIGHEST_GENERATION, ReleaseId, Route, Target};

/// How often a target was switched, according to its route and its proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservedSwitches {
    /// The generation of the route, and the release that wrote the route; none without a route.
    route: Option<(u64, ReleaseId)>,
    /// The highest generation in route and proxy; none if the generation of the proxy is unknown.
    highest: Option<u64>,
}

impl ObservedSwitches {
    /// `pointed` is the highest generation of any switch that the proxy knows; none if the proxy did not answer.
    pub fn new(route: Option<&Route>, pointed: Option<u64>) -> Self {
        let route = route.map(|route| (route.generation, route.release));
        let routed = route.map_or(0, |(generation, _)| generation);
        Self {
            route,
            highest: pointed.map(|pointed| pointed.max(routed)),
        }
    }

    /// Whether the head of a release is possible, given these switches.
    fn agrees_with(&self, head: &ReleaseRecord) -> bool {
        let is_open = head.closed.is_none();
        let Some(baseline) = &head.baseline else {
            // An older Greenroom wrote this head and did not record the generation.
            return is_open || self.route.is_some_and(|(_, author)| author == head.id);
        };
        let generation = baseline.generation;
        let highest = self.highest.unwrap_or(HIGHEST_GENERATION);
        if is_open {
            return generation <= highest.saturating_add(1).min(HIGHEST_GENERATION);
        }
        let is_by_another_release = |(written, author)| written == generation && author != head.id;
        generation <= highest && !self.route.is_some_and(is_by_another_release)
    }
}

/// The last release that overtook `earlier`; none if no release did.
pub fn overtaken_by<'a>(
    earlier: &ReleaseRecord,
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
    switches: ObservedSwitches,
) -> Option<&'a ReleaseRecord> {
    last_started(claims(earlier, heads).filter(|head| is_credible(earlier, head, switches)))
}

/// One line for each head that claims to have overtaken `earlier`, but contradicts the switches of the target and is
/// therefore ignored.
pub fn ignored_claims<'a>(
    earlier: &ReleaseRecord,
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
    switches: ObservedSwitches,
) -> Vec<String> {
    let ignored = claims(earlier, heads).filter(|head| !is_credible(earlier, head, switches));
    ignored.map(|head| ignored_line(head, switches)).collect()
}

fn claims<'a>(
    earlier: &ReleaseRecord,
    heads: impl IntoIterator<Item = &'a ReleaseRecord>,
) -> impl Iterator<Item = &'a ReleaseRecord> {
    let heads = heads.into_iter();
    heads.filter(move |head| head.id != earlier.id && head.claims_to_overtake(earlier))
}

fn is_credible(earlier: &ReleaseRecord, head: &ReleaseRecord, switches: ObservedSwitches) -> bool {
    // If an older Greenroom opened `earlier`, its head has no generation to compare with the route.
    earlier.baseline.is_none() || switches.agrees_with(head)
}

fn ignored_line(head: &ReleaseRecord, switches: ObservedSwitches) -> String {
    let ReleaseRecord { id, target, .. } = head;
    let claims = match &head.baseline {
        Some(baseline) => format!("its record claims generation {}", baseline.generation),
        None => "its record claims no generation".to_owned(),
    };
    let route = describe_route(target, switches);
    format!("Greenroom ignores release {id}: {claims}, but {route}")
}

/// The part of a line that names the route, e.g. `the route of web/qa has generation 41, written by release 01…`.
fn describe_route(target: &Target, switches: ObservedSwitches) -> String {
    match switches.route {
        Some((generation, by)) => {
            format!("the route of {target} has generation {generation}, written by release {by}")
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
            addresses: "127.0.0.1:3001".parse().unwrap(),
            digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
            release: ReleaseId(ulid::Ulid(release)),
            token: FencingToken(1),
        }
    }

    /// A route of this generation that this release wrote, and a proxy that agrees with the route.
    fn switched(generation: u64, release: u128) -> ObservedSwitches {
        ObservedSwitches::new(Some(&route(generation, release)), Some(generation))
    }

    struct Case {
        description: &'static str,
        /// Id and generation of the release without an end.
        open: (u128, u64),
        /// Id and generation of the other head.
        other: (u128, u64),
        /// Whether the other release was planned from the version of the release without an end.
        is_based_on_open: bool,
        is_overtaken: bool,
    }

    const fn case(
        description: &'static str,
        open: (u128, u64),
        other: (u128, u64),
        is_based_on_open: bool,
        is_overtaken: bool,
    ) -> Case {
        Case {
            description,
            open,
            other,
            is_based_on_open,
            is_overtaken,
        }
    }

    /// In each case the other release has ended and has switched.
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
    fn generation_id_and_baseline_decide_whether_a_head_overtakes() {
        for case in CASES {
            let open = head(case.open.0, Some(case.open.1), true);
            let mut other = head(case.other.0, Some(case.other.1), false);
            other.from = case.is_based_on_open.then(|| open.to.clone());
            let seen = switched(case.other.1, case.other.0);
            let heads = [other, open.clone()];
            assert_eq!(current(&heads), Some(&open), "{}", case.description);
            let by = overtaken_by(&open, &heads, seen);
            assert_eq!(by.is_some(), case.is_overtaken, "{}", case.description);
        }
    }

    #[test]
    fn without_a_generation_the_id_decides() {
        let interrupted = head(100, None, true);
        let heads = [head(200, Some(1), false), interrupted.clone()];
        let by = overtaken_by(&interrupted, &heads, switched(7, 1));
        assert_eq!(by, Some(&heads[0]));
    }

    /// A release of generation 5 was interrupted before or after its switch, and another program wrote a head without
    /// the lock.
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
                "Greenroom ignores release {id}: its record claims generation 41, but the route of web/qa has generation 4, written by release {by}"
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
        let unknown = ObservedSwitches::new(Some(&route(4, 50)), None);
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
        let seen = ObservedSwitches::new(Some(&route(4, 50)), Some(6));
        assert_eq!(overtaken_by(&interrupted, &heads, seen), Some(&heads[0]));
    }

    /// The releases of a history: whether each of them switched, and whether its end was written.
    fn history() -> impl Strategy<Value = Vec<(bool, bool)>> {
        prop::collection::vec(any::<(bool, bool)>(), 1..12)
    }

    proptest! {
        /// In any sequence of releases, a release without an end is overtaken by every later release that has no end or
        /// has switched. So at most one release without an end can be resumed, and none after the switch of a later
        /// release.
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
            let seen = ObservedSwitches::new(route.as_ref(), Some(generation));
            let mut heads_and_forged: Vec<ReleaseRecord> = heads.iter().map(|(head, _)| head.clone()).collect();
            let above = |claimed: u64| claimed.saturating_add(generation + 2);
            heads_and_forged.extend((1_u128..).zip(forged).map(|(number, (claimed, is_open))| {
                head(100_000 + number, Some(above(claimed)), is_open)
            }));
            for (index, (head, _)) in heads.iter().enumerate() {
                let later = &heads[index + 1..];
                let is_later = later
                    .iter()
                    .any(|(later, switched)| later.closed.is_none() || *switched);
                if head.closed.is_none() {
                    prop_assert_eq!(overtaken_by(head, &heads_and_forged, seen).is_some(), is_later);
                }
            }
        }
    }
}
