//! Finds the versions that were live in a target, as far as its journal proves it.
//!
//! A head alone proves nothing: another program that may write below the prefix of the target can write a head. A
//! release is a proof only together with its entries: the whole hash chain is intact, and an entry says that the switch
//! was observed.

use std::fmt;

use super::timeline::claimed;
use super::{
    Direction, Entry, Integrity, JournalEvent, LivePeriod, Outcome, Recorded, ReleaseRecord, Step,
    prove,
};
use crate::inventory::{Digest, ReleaseId, Slot, Target, Version};

/// The versions that the releases of a target prove to have been live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WasLive {
    /// The versions that are proven to have been live, newest first, each once.
    pub versions: Vec<Version>,
    /// The releases that claim, without a proof, that further versions were live.
    pub unproven_claims: Vec<UnprovenClaim>,
    /// The number of releases that were searched; none if the whole history was searched.
    pub searched_only: Option<usize>,
}

/// A release that claims that versions were live, but does not prove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnprovenClaim {
    pub release: ReleaseId,
    /// The versions that the release claims.
    pub digests: Vec<Digest>,
    /// What is missing in the proof.
    pub why: String,
}

/// Shows the claim as `release 01… claims that its version was live, but does not prove it: …`.
impl fmt::Display for UnprovenClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "release {} claims that its version was live, but does not prove it: {}",
            self.release, self.why
        )
    }
}

/// When the version of a release had the traffic, if the journal of the release proves it. Otherwise the error says
/// what is missing.
pub fn proven_live(recorded: &Recorded, target: &Target) -> Result<LivePeriod, String> {
    let of = &recorded.head.target;
    if of != target {
        return Err(format!("the release belongs to {of}"));
    }
    match prove(recorded) {
        Integrity::Whole => {}
        other => return Err(other.to_string()),
    }
    LivePeriod::of(&recorded.entries)
        .ok_or_else(|| "no entry says that the switch was observed".to_owned())
}

/// Checks whether a release proves that it put a version live in a slot. For its new version, the head must name the
/// version and the slot, the checks must have passed before the switch, and the switch must have been observed and not
/// undone. For the version that was live before the release, the head must name that version and its slot, and a switch
/// back must have been observed. The error says what is missing.
pub fn proves_released(
    recorded: &Recorded,
    target: &Target,
    (slot, digest): (Slot, &Digest),
) -> Result<(), String> {
    let is_wanted = |(at, version): &(Slot, Version)| (*at, &version.digest) == (slot, digest);
    if recorded.head.from.as_ref().is_some_and(is_wanted) {
        let period = proven_live(recorded, target)?;
        let has_switched_back = period.until.is_some();
        return has_switched_back
            .then_some(())
            .ok_or_else(|| "no entry says that the release switched back".to_owned());
    }
    let (to, version) = &recorded.head.to;
    if !is_wanted(&recorded.head.to) {
        return Err(format!(
            "the release put {} into {to}, not {} into {slot}",
            version.digest.short(),
            digest.short()
        ));
    }
    let period = proven_live(recorded, target)?;
    if period.until.is_some() {
        return Err("the entries say that the release switched back".to_owned());
    }
    // The order of the entries decides, because the clocks of two drivers can differ.
    let is_before_switch =
        |entry: &&Entry| LivePeriod::after(None, entry.at, &entry.event).is_none();
    let mut before_switch = recorded.entries.iter().take_while(is_before_switch);
    let passed = before_switch.any(|entry| match &entry.event {
        JournalEvent::Checked { report } => report.digest == *digest && report.allows(),
        _ => false,
    });
    passed
        .then_some(())
        .ok_or_else(|| "no entry before the switch says that the checks passed".to_owned())
}

/// Checks whether a release proves that it started to switch to a version after the checks had passed, and did not
/// start to switch back. That is enough to finish the switch while exactly this version still runs in the slot. The
/// release may have ended after it wrote the route and before it switched the proxy. Then no entry says that the switch
/// was observed. The error says what is missing.
pub fn proves_switch_started(
    recorded: &Recorded,
    target: &Target,
    (slot, digest): (Slot, &Digest),
) -> Result<(), String> {
    let of = &recorded.head.target;
    if of != target {
        return Err(format!("the release belongs to {of}"));
    }
    match prove(recorded) {
        Integrity::Whole => {}
        other => return Err(other.to_string()),
    }
    let (to, version) = &recorded.head.to;
    if (*to, &version.digest) != (slot, digest) {
        return Err(format!(
            "the release put {} into {to}, not {} into {slot}",
            version.digest.short(),
            digest.short()
        ));
    }
    let (mut has_passed, mut has_started) = (false, false);
    for entry in &recorded.entries {
        match &entry.event {
            JournalEvent::Checked { report } if report.digest == *digest => {
                has_passed = report.allows();
            }
            JournalEvent::Intent {
                step: Step::Switch,
                direction: Direction::Forward,
                ..
            } => has_started = has_passed,
            JournalEvent::Intent {
                step: Step::Switch,
                direction: Direction::Back,
                ..
            } => return Err("the entries say that the release started to switch back".to_owned()),
            _ => {}
        }
    }
    has_started.then_some(()).ok_or_else(|| {
        "no entry says that the release started to switch after its checks passed".to_owned()
    })
}

fn is_success(head: &ReleaseRecord) -> bool {
    let outcome = head.closed.as_ref().map(|(_, outcome)| outcome);
    outcome.is_some_and(Outcome::is_success)
}

impl WasLive {
    /// The versions that a head claims to have been live and that are not in `versions` yet. If there are none, the
    /// caller need not read the entries of the release. If a release has ended without a switch, its claim about the
    /// version before it is ignored.
    pub fn unproven<'a>(&self, head: &'a ReleaseRecord) -> Vec<&'a Version> {
        let mut claimed = claimed(head);
        if head.closed.is_some() && head.live.is_none() {
            claimed.retain(|version| **version == head.to.1 && is_success(head));
        }
        claimed.retain(|version| !self.versions.contains(version));
        claimed
    }

    /// Adds the versions that a release proves, or notes what is missing in its proof. The caller must add the newest
    /// release first.
    pub fn add(&mut self, recorded: &Recorded, target: &Target) {
        let head = &recorded.head;
        match proven_live(recorded, target) {
            Ok(period) if is_success(head) && period.until.is_some() => {
                self.note_unproven(
                    head,
                    "the entries say that the release switched back".to_owned(),
                );
            }
            Ok(_) => {
                let new = self.unproven(&recorded.head).into_iter().cloned();
                let new: Vec<_> = new.collect();
                self.versions.extend(new);
            }
            Err(why) => self.note_unproven(&recorded.head, why),
        }
    }

    /// Notes that a release does not prove what it claims.
    pub fn note_unproven(&mut self, head: &ReleaseRecord, why: String) {
        let digests = self.unproven(head).into_iter();
        self.unproven_claims.push(UnprovenClaim {
            release: head.id,
            digests: digests.map(|version| version.digest.clone()).collect(),
            why,
        });
    }

    /// The lines to show with the message that the version of `digest` was never live.
    pub fn remarks(&self, digest: &Digest) -> Vec<String> {
        let claims = self.unproven_claims.iter();
        let claims = claims.filter(|claim| claim.digests.contains(digest));
        let mut remarks: Vec<String> = claims.map(ToString::to_string).collect();
        remarks.extend(self.limit());
        remarks
    }

    /// The line to show if only a part of the history was searched.
    pub fn limit(&self) -> Option<String> {
        let searched = self.searched_only?;
        Some(format!(
            "only the newest {searched} releases were searched, not the older ones"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{CaseReport, Report, Verdict};
    use crate::history::Chain;
    use crate::history::samples_for_tests::{entry, head};

    fn switched(sequence: u32, direction: Direction) -> Entry {
        Entry {
            event: JournalEvent::Outcome {
                step: Step::Switch,
                direction,
                failure: None,
                took: std::time::Duration::ZERO,
            },
            ..entry(sequence, Step::Switch)
        }
    }

    fn released(entries: Vec<Entry>) -> Recorded {
        let head = head(1);
        let mut chain = Chain::of(&head);
        let entries: Vec<_> = entries.into_iter().map(|it| chain.linked(it)).collect();
        let closed = Some((head.opened_at, Outcome::Done));
        let live = LivePeriod::of(&entries);
        let head = chain.closed(ReleaseRecord {
            live,
            closed,
            ..head
        });
        Recorded { head, entries }
    }

    fn whole() -> Recorded {
        released(vec![
            entry(1, Step::Switch),
            switched(2, Direction::Forward),
        ])
    }

    fn checked(sequence: u32, verdict: Verdict) -> Entry {
        let case = CaseReport {
            overridden: None,
            tests: Vec::new(),
            name: "orders".into(),
            required: true,
            verdict,
            detail: String::new(),
            took: std::time::Duration::ZERO,
            request: String::new(),
            response: String::new(),
        };
        let report = Report {
            digest: head(1).to.1.digest,
            runs: Vec::new(),
            at: head(1).opened_at,
            cases: vec![case],
        };
        Entry {
            event: JournalEvent::Checked { report },
            ..entry(sequence, Step::Verify)
        }
    }

    #[test]
    fn only_a_checked_and_switched_release_proves_its_version() {
        let forward = |sequence| switched(sequence, Direction::Forward);
        let good = released(vec![checked(1, Verdict::Passed), forward(2)]);
        let target = good.head.target.clone();
        let (slot, digest) = (good.head.to.0, good.head.to.1.digest.clone());
        let proof =
            |recorded: &Recorded, slot: Slot| proves_released(recorded, &target, (slot, &digest));
        assert_eq!(proof(&good, slot), Ok(()));
        assert!(proof(&good, slot.other()).is_err());
        for (bad, why) in [
            (released(vec![forward(1)]), "checks passed"),
            (
                released(vec![checked(1, Verdict::Failed), forward(2)]),
                "checks passed",
            ),
            (released(vec![checked(1, Verdict::Passed)]), "switch"),
            (
                released(vec![
                    checked(1, Verdict::Passed),
                    forward(2),
                    switched(3, Direction::Back),
                ]),
                "switched back",
            ),
        ] {
            let error = proof(&bad, slot).expect_err("not proven");
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_switch_that_was_started_after_passed_checks_is_proven_as_started() {
        let backward = Entry {
            event: JournalEvent::Intent {
                step: Step::Switch,
                direction: Direction::Back,
                peer_approvals: Vec::new(),
                task: None,
            },
            ..entry(3, Step::Switch)
        };
        let passed = || checked(1, Verdict::Passed);
        let started = released(vec![passed(), entry(2, Step::Switch)]);
        let target = started.head.target.clone();
        let (slot, digest) = (started.head.to.0, started.head.to.1.digest.clone());
        let proof = |recorded: &Recorded, slot: Slot| {
            proves_switch_started(recorded, &target, (slot, &digest))
        };
        assert_eq!(proof(&started, slot), Ok(()));
        assert!(proves_released(&started, &target, (slot, &digest)).is_err());
        assert!(proof(&started, slot.other()).is_err());
        for (bad, why) in [
            (released(vec![entry(1, Step::Switch)]), "checks passed"),
            (
                released(vec![checked(1, Verdict::Failed), entry(2, Step::Switch)]),
                "checks passed",
            ),
            (released(vec![passed()]), "started to switch"),
            (
                released(vec![passed(), entry(2, Step::Switch), backward]),
                "started to switch back",
            ),
        ] {
            let error = proof(&bad, slot).expect_err("not proven");
            assert!(error.contains(why), "{error}");
        }
    }

    /// The route may name a release that switched back, although that release did not release the version.
    #[test]
    fn a_release_that_switched_back_proves_the_version_before_it() {
        let from = head(1).to.0.other();
        let before = Version {
            digest: format!("sha256:{}", "b".repeat(64)).parse().unwrap(),
            ..head(1).to.1
        };
        let of = |entries: Vec<Entry>| {
            let plain = ReleaseRecord {
                from: Some((from, before.clone())),
                ..head(1)
            };
            let mut chain = Chain::of(&plain);
            let entries: Vec<_> = entries.into_iter().map(|it| chain.linked(it)).collect();
            let live = LivePeriod::of(&entries);
            let reason = "watch failed".to_owned();
            let closed = Some((plain.opened_at, Outcome::BackedOut { reason }));
            let head = chain.closed(ReleaseRecord {
                live,
                closed,
                ..plain
            });
            Recorded { head, entries }
        };
        let forward = || switched(1, Direction::Forward);
        let back = of(vec![forward(), switched(2, Direction::Back)]);
        let target = back.head.target.clone();
        let proof =
            |recorded: &Recorded, slot| proves_released(recorded, &target, (slot, &before.digest));
        assert_eq!(proof(&back, from), Ok(()));
        assert!(proof(&back, from.other()).is_err());
        let error = proof(&of(vec![forward()]), from).expect_err("the release did not switch back");
        assert!(error.contains("switched back"), "{error}");
    }

    #[test]
    fn the_order_of_entries_decides_whether_checks_came_before_the_switch() {
        let mut late = checked(1, Verdict::Passed);
        late.at = switched(2, Direction::Forward).at + std::time::Duration::from_secs(5);
        let good = released(vec![late, switched(2, Direction::Forward)]);
        let (slot, version) = good.head.to.clone();
        let target = good.head.target.clone();
        assert_eq!(
            proves_released(&good, &target, (slot, &version.digest)),
            Ok(())
        );
        let early = released(vec![
            switched(1, Direction::Forward),
            checked(2, Verdict::Passed),
        ]);
        assert!(proves_released(&early, &target, (slot, &version.digest)).is_err());
    }

    fn counted(recorded: &Recorded) -> WasLive {
        let mut was_live = WasLive::default();
        was_live.add(recorded, &head(1).target);
        was_live
    }

    #[test]
    fn a_release_whose_chain_verifies_proves_that_its_version_was_live() {
        let recorded = whole();
        let was_live = counted(&recorded);
        assert_eq!(was_live.versions, vec![recorded.head.to.1.clone()]);
        assert!(was_live.unproven(&recorded.head).is_empty());
        assert!(was_live.unproven_claims.is_empty());
    }

    #[test]
    fn a_closed_head_alone_proves_nothing() {
        let mut bare = whole();
        bare.entries.clear();
        let mut unchained = bare.clone();
        unchained.head.chain = None;
        unchained.head.live = whole().head.live;
        let mut elsewhere = whole();
        elsewhere.head.target.environment = "production".parse().expect("a name");
        let back = released(vec![
            switched(1, Direction::Forward),
            switched(2, Direction::Back),
        ]);
        for (forged, why) in [
            (bare, "the hash chain is broken at the end"),
            (unchained, "has no hash chain"),
            (elsewhere, "the release belongs to web/production"),
            (back, "the entries say that the release switched back"),
        ] {
            let was_live = counted(&forged);
            assert!(was_live.versions.is_empty(), "{why}");
            let remarks = was_live.remarks(&forged.head.to.1.digest).join("\n");
            assert!(remarks.contains(why), "{remarks}");
            assert!(remarks.contains(&forged.head.id.to_string()), "{remarks}");
        }
    }

    #[test]
    fn a_release_that_never_switched_proves_nothing_about_the_version_before_it() {
        let mut open = ReleaseRecord {
            from: Some(head(1).to),
            ..head(1)
        };
        let mut chain = Chain::of(&open);
        let entries = vec![chain.linked(entry(1, Step::Switch))];
        let was_live = counted(&Recorded {
            head: open.clone(),
            entries,
        });
        assert!(was_live.versions.is_empty());
        // The entries of a failed release whose end names no switch are not even read.
        let reason = "verify failed".to_owned();
        open.closed = Some((open.opened_at, Outcome::BackedOut { reason }));
        assert!(WasLive::default().unproven(&open).is_empty());
    }
}
