use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::history::{FORMAT, Outcome, ReleaseKind};
use crate::inventory::{
    FencingToken, ImageLabels, Operator, ReleaseId, Revisioned, Route, Version,
};

fn digest(number: u8) -> Digest {
    format!("sha256:{number:064x}").parse().expect("a digest")
}

fn version(number: u8) -> Version {
    Version {
        repository: "r/web".into(),
        tag: Some(format!("1.{number}.0")),
        digest: digest(number),
        labels: ImageLabels::default(),
    }
}

fn image(number: u8) -> EngineImage {
    EngineImage {
        repository: "r/web".into(),
        digest: digest(number),
        size: 10,
    }
}

fn target(environment: &str) -> Target {
    Target::new(
        "web".parse().expect("a name"),
        environment.parse().expect("a name"),
    )
}

fn head(from: Option<u8>, to: u8, outcome: Option<Outcome>) -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: ReleaseId(ulid::Ulid::from_parts(u64::from(to), 1)),
        target: target("qa"),
        kind: ReleaseKind::Promote,
        from: from.map(|number| (Slot::Blue, version(number))),
        to: (Slot::Green, version(to)),
        operator: Operator {
            name: "ana".into(),
            host: "ops-1".into(),
        },
        reason: None,
        opened_at: Timestamp::UNIX_EPOCH,
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: outcome.map(|outcome| (Timestamp::UNIX_EPOCH, outcome)),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

fn done(from: u8, to: u8) -> ReleaseRecord {
    head(Some(from), to, Some(Outcome::Done))
}

fn backed_out(from: u8, to: u8) -> ReleaseRecord {
    let reason = "slow".to_owned();
    head(Some(from), to, Some(Outcome::BackedOut { reason }))
}

fn used(environment: &str, past: Vec<ReleaseRecord>, route: Option<u8>, keep: usize) -> Use {
    let route = route.map(|number| Revisioned {
        value: Route {
            generation: 1,
            live: Slot::Green,
            addresses: "127.0.0.1:1".parse().expect("an address"),
            digest: digest(number),
            release: ReleaseId(ulid::Ulid::from_parts(1, 1)),
            token: FencingToken(1),
        },
        revision: 1,
    });
    Use {
        target: target(environment),
        record: RegistryRecord {
            route,
            ..RegistryRecord::default()
        },
        good: once_live(&past).into_iter().cloned().collect(),
        searched: past.len(),
        past,
        keep,
    }
}

fn spare(plan: &PrunePlan) -> Vec<Digest> {
    let spare = plan.spare.iter().map(|spare| spare.image.digest.clone());
    spare.collect()
}

fn why(plan: &PrunePlan, number: u8) -> KeptBecause {
    let found = plan
        .kept
        .iter()
        .find(|(image, _)| image.digest == digest(number));
    found.map(|(_, why)| why.clone()).expect("it is kept")
}

#[test]
fn needed_and_never_released_images_are_kept() {
    let past = vec![
        backed_out(5, 6),
        done(4, 5),
        done(3, 4),
        done(2, 3),
        head(Some(1), 2, Some(Outcome::Superseded { by: None })),
    ];
    let uses = [used("qa", past, Some(5), 2)];
    let images = (1..=7).map(image).collect();
    let plan = plan("r/web".into(), images, &[], &uses);
    assert_eq!(spare(&plan), [1, 2, 3, 6].map(digest));
    assert_eq!(plan.bytes(), 40);
    assert_eq!(plan.spare[3].tag.as_deref(), Some("1.6.0"));
    let target = target("qa");
    assert_eq!(
        why(&plan, 5),
        KeptBecause::Registered {
            target: target.clone()
        }
    );
    assert_eq!(why(&plan, 4), KeptBecause::Good { target, nth: 2 });
    assert_eq!(why(&plan, 7), KeptBecause::NeverReleased);
}

#[test]
fn images_of_another_target_on_the_same_runtime_are_kept() {
    let qa = used("qa", vec![done(8, 9), done(1, 8)], Some(9), 1);
    let production = used("production", vec![done(0, 1)], Some(1), 1);
    let images: Vec<EngineImage> = [0, 1, 8, 9].map(image).into();
    let alone = plan(
        "r/web".into(),
        images.clone(),
        &[],
        std::slice::from_ref(&qa),
    );
    assert_eq!(spare(&alone), [1, 8].map(digest));
    let both = plan("r/web".into(), images, &[], &[qa, production]);
    assert_eq!(spare(&both), [0, 8].map(digest));
    assert_eq!(both.targets.len(), 2);
}

#[test]
fn both_versions_of_an_open_release_are_kept() {
    let past = vec![head(Some(3), 2, None), done(2, 3), done(1, 2)];
    let uses = [used("qa", past, None, 1)];
    let plan = plan("r/web".into(), (1..=3).map(image).collect(), &[], &uses);
    assert_eq!(spare(&plan), [digest(1)]);
    assert_eq!(
        why(&plan, 2),
        KeptBecause::Open {
            target: target("qa")
        }
    );
}

#[test]
fn a_claimed_version_does_not_replace_a_proven_one() {
    let mut past = vec![done(2, 9), done(2, 8), done(2, 7)];
    past.extend([done(4, 5), done(3, 4), done(2, 3)]);
    let uses = [Use {
        good: [5, 4].map(version).into(),
        ..used("qa", past, None, 2)
    }];
    let plan = plan("r/web".into(), (1..=9).map(image).collect(), &[], &uses);
    let target = target("qa");
    let good = |nth| KeptBecause::Good {
        target: target.clone(),
        nth,
    };
    assert_eq!(why(&plan, 5), good(1));
    assert_eq!(why(&plan, 4), good(2));
    // At most `keep` claimed versions are kept.
    assert_eq!(why(&plan, 9), KeptBecause::Claimed { target });
    assert_eq!(spare(&plan), [3, 7, 8].map(digest));
}

#[test]
fn images_of_releases_that_were_not_searched_are_kept() {
    let past = vec![done(8, 9), done(2, 8), done(2, 7), done(4, 5), done(3, 4)];
    let uses = [Use {
        good: Vec::new(),
        searched: 3,
        ..used("qa", past, None, 1)
    }];
    let plan = plan("r/web".into(), (1..=9).map(image).collect(), &[], &uses);
    assert_eq!(spare(&plan), [2, 7, 8].map(digest));
    let target = target("qa");
    assert_eq!(why(&plan, 3), KeptBecause::Claimed { target });
}

proptest! {
    #[test]
    fn no_needed_image_is_removed(
        past in proptest::collection::vec((0u8..12, 0u8..12, 0u8..4), 0..30),
        route in proptest::option::of(0u8..12),
        keep in 0usize..6,
    ) {
        let past: Vec<ReleaseRecord> = past
            .into_iter()
            .map(|(from, to, how)| match how {
                0 => head(Some(from), to, None),
                1 => backed_out(from, to),
                _ => done(from, to),
            })
            .collect();
        let uses = [used("qa", past.clone(), route, keep)];
        let plan = plan("r/web".into(), (0..14).map(image).collect(), &[], &uses);
        prop_assert_eq!(plan.spare.len() + plan.kept.len(), 14);
        let spare = spare(&plan);
        for good in once_live(&past).into_iter().take(keep) {
            prop_assert!(!spare.contains(&good.digest));
        }
        for open in past.iter().filter(|head| head.closed.is_none()) {
            prop_assert!(versions(open).all(|digest| !spare.contains(digest)));
        }
        if let Some(route) = route {
            prop_assert!(!spare.contains(&digest(route)));
        }
        for number in 12..14 {
            prop_assert!(!spare.contains(&digest(number)), "it was never released");
        }
    }
}
