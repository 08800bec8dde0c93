//! Releases without a driver that the next release of their target ends.

use greenroom::history::{LivePeriod, Outcome, Recorded, Step, prove};
use greenroom::release::{Command, Progress, StepState};

use super::fixture::{Fixture, FixtureOptions, Running, version};

/// Its driver stops, as when its console is closed.
async fn interrupt(release: &Running) {
    let reason = "the console is closed".to_owned();
    let interrupt = Command::Interrupt { reason };
    release.handle.command(interrupt).await.expect("driven");
    release.handle.ended().await;
}

async fn until_standby(release: &Running) {
    release
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
}

async fn recorded(fixture: &Fixture, release: &Running) -> Recorded {
    let id = release.handle.status().borrow().plan.release;
    let site = fixture
        .app
        .engine
        .site(&fixture.target)
        .expect("configured");
    let found = site.read.journal.release(&fixture.target, id).await;
    found.expect("the store answers").expect("it is written")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_without_a_driver_is_ended_by_the_next_release() {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let in_standby = fixture.begin(version("1.9.0")).await;
    until_standby(&in_standby).await;
    interrupt(&in_standby).await;
    let before_its_switch = fixture.begin(version("1.8.2")).await;
    interrupt(&before_its_switch).await;
    let last = fixture.begin(version("1.8.2")).await;
    until_standby(&last).await;

    // Its version was live, and the next release took over from its standby.
    let first = recorded(&fixture, &in_standby).await;
    let (at, outcome) = first.head.closed.clone().expect("it has an end");
    assert!(
        matches!(outcome, Outcome::Superseded { by: Some(_) }),
        "{outcome:?}"
    );
    let live = first.head.live.expect("it was live");
    assert_eq!(LivePeriod::of(&first.entries), Some(live));
    assert_eq!(live.until, None);
    let second = recorded(&fixture, &before_its_switch).await;
    // The next release ends it right after it was opened itself; a busy machine takes a while between the two.
    let opened = second.head.opened_at;
    assert!(
        at <= opened + std::time::Duration::from_secs(30),
        "{at} after {opened}"
    );
    // It was never live, and nothing of it was undone.
    let (_, outcome) = second.head.closed.clone().expect("it has an end");
    let Outcome::Left { reason } = outcome else {
        panic!("left, not {outcome:?}");
    };
    let overtaken_by = recorded(&fixture, &last).await.head.id;
    // An interruption takes effect at the end of a step: before the pull, or after it if the pull has started.
    assert!(reason.contains("was interrupted"), "{reason}");
    assert!(reason.contains(&overtaken_by.short()), "{reason}");
    assert_eq!(second.head.live, None);
    for overtaken in [&first, &second] {
        assert!(prove(overtaken).is_intact(), "{}", prove(overtaken));
    }
    let switched = last
        .handle
        .status()
        .borrow()
        .steps
        .iter()
        .any(|step_status| {
            step_status.step == Step::Switch && matches!(step_status.state, StepState::Done { .. })
        });
    assert!(switched);
    last.handle
        .command(Command::EndStandby)
        .await
        .expect("driven");
    assert_eq!(last.finish().await.outcome(), Some(Outcome::Done));
}
