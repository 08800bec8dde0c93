//! One trial: a release is killed at one point, another program resumes it, and the required state
//! is checked.

use std::time::{Duration, Instant};

use greenroom::history::{JournalEvent, Outcome, ReleaseRecord};
use greenroom::inventory::Slot;

use super::audit::Audit;
use super::stage::{Driving, LockEnd, SOON, Stage};
use crate::support::middleman::{Moment, Point};

/// The task of the first program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// A promote.
    Forward,
    /// A promote of a version that fails its checks and is backed out.
    Failing,
    /// Backing out a promote that was killed in its watch.
    Back,
    /// A promote that has to install a new nginx configuration first.
    Installing,
}

impl Course {
    /// Its exit code when nothing disturbs it.
    pub(super) fn exit(self) -> i32 {
        match self {
            // A requested back-out is a success.
            Self::Forward | Self::Installing | Self::Back => 0,
            Self::Failing => 1,
        }
    }
}

/// What the second operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// Waits until the lock is free, and resumes.
    Resumes,
    /// Waits until the lock is free, and backs out.
    BacksOut,
    /// Takes the lock by force, and resumes.
    Forces,
}

/// Where the release ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    BackedOut,
}

/// The result of a trial.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) ended: Ended,
    /// How the first lock ended, and how long after the kill the second operator had the lock; `None` when
    /// nothing was left to do.
    pub(super) in_control: Option<(LockEnd, Duration)>,
}

/// The state before the trial.
pub(super) struct Before {
    pub(super) live: (Slot, String),
    pub(super) newest: ReleaseRecord,
    pub(super) tag: String,
    pub(super) audit: Audit,
}

impl Stage {
    pub(super) fn name(&self) -> String {
        self.fixture.target.service.to_string()
    }

    fn promote(&self, tag: &str) -> Driving {
        self.start(&[
            "promote",
            &self.name(),
            "production",
            "--yes",
            "--version",
            tag,
        ])
    }

    /// Starts the first program of a course, to be stopped at that point.
    pub(super) async fn begin(
        &mut self,
        course: Course,
        point: Option<&Point>,
    ) -> (Driving, Before) {
        self.ledger.begin(None);
        match course {
            Course::Forward => self.with_leftover().await,
            Course::Installing => {
                self.with_leftover().await;
                self.reshape().await;
            }
            // Both leave the slot empty, and are the same when they find it empty.
            Course::Failing | Course::Back => self.without_leftover().await,
        }
        let fault = if course == Course::Failing {
            "failing-checks"
        } else {
            "none"
        };
        let tag = self.versions.another(fault).await;
        let snapshot = self.snapshot().await;
        let live = snapshot.live().expect("something is live");
        let runs = snapshot
            .live_instance()
            .expect("it runs")
            .version_name()
            .to_owned();
        let before = Before {
            live: (live, runs),
            newest: self.newest().await,
            audit: Audit::begin(&self.name()).await,
            tag,
        };
        if course != Course::Back {
            self.ledger.begin(point.cloned());
            return (self.promote(&before.tag), before);
        }
        let watching = Point {
            act: "intent watch".to_owned(),
            nth: 1,
            moment: Moment::After,
        };
        self.ledger.begin(Some(watching));
        let mut promote = self.promote(&before.tag);
        self.until_stopped(&mut promote, "intent watch").await;
        promote.kill();
        self.ledger.begin(point.cloned());
        let forced = ["--back-out", "--take-over", "--reason", "she went home"];
        (self.resume(&forced), before)
    }

    pub(super) fn resume(&self, more: &[&str]) -> Driving {
        let name = self.name();
        let arguments = [&["resume", &name, "production", "--yes"], more].concat();
        self.start(&arguments)
    }

    async fn goes_back(&self) -> bool {
        let recorded = self.recorded().await;
        let says_so =
            |happening: &JournalEvent| matches!(happening, JournalEvent::BackOutAsked { .. });
        recorded.entries.iter().any(|entry| says_so(&entry.event))
    }

    pub(super) async fn until_stopped(&self, driving: &mut Driving, point: &str) {
        let until = Instant::now() + SOON;
        while !self.ledger.is_stopped() {
            let ended = driving.child.try_wait().expect("its state");
            assert!(
                ended.is_none() && Instant::now() < until,
                "it did not come to {point}: {ended:?} {}\n{:#?}",
                driving.said(),
                self.ledger.passed()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Kills a release at that point, lets another operator resume it, and checks everything.
    pub(super) async fn killed_at(
        &mut self,
        course: Course,
        point: &Point,
        second: Second,
    ) -> Trial {
        let what = format!("{course:?}, killed {point}, {second:?}");
        let (mut first, before) = Box::pin(self.begin(course, Some(point))).await;
        self.until_stopped(&mut first, &what).await;
        first.kill();
        let killed = Instant::now();
        self.ledger.let_go(false);
        if self.is_older {
            self.as_an_older_one_wrote().await;
        }

        let found = self.newest().await;
        let is_open = found.closed.is_none();
        let is_begun = found.id != before.newest.id;
        let forces = second == Second::Forces && is_open;
        let lock_end = if forces {
            LockEnd::Forced
        } else {
            self.until_free().await
        };
        // Until the way back is recorded, the release is meant to become live.
        let goes_back = course == Course::Failing || self.goes_back().await;
        let (ended, exit) = match second {
            _ if is_begun && !is_open => (ended(&found), None),
            _ if !is_begun => (Ended::Done, Some(0)),
            Second::BacksOut => (Ended::BackedOut, Some(0)),
            _ if goes_back => (Ended::BackedOut, Some(1)),
            Second::Resumes | Second::Forces => (Ended::Done, Some(0)),
        };
        let mut driving = match second {
            _ if !is_open => self.resume(&[]),
            Second::Resumes => self.resume(&[]),
            Second::BacksOut => self.resume(&["--back-out"]),
            Second::Forces => self.resume(&["--take-over", "--reason", "she went home"]),
        };
        let mut code = driving.ended().await;
        let mut said = driving.said();
        if !is_open {
            assert!(
                code == Some(1) && said.contains("has already ended"),
                "{what}: {code:?} {said}"
            );
            if !is_begun {
                // Nothing was started: an operator who wants the version promotes it.
                driving = self.promote(&before.tag);
                code = driving.ended().await;
                said = driving.said();
            }
        }
        if let Some(exit) = exit {
            assert_eq!(code, Some(exit), "{what}: {said}");
        }
        let mut control = self.ledger.passed().into_iter();
        let control = control.rfind(|act| act.act == "lock" && act.at > killed);
        let in_control = control.map(|act| (lock_end, act.at - killed));
        assert_eq!(in_control.is_some(), exit.is_some(), "{what}");
        Box::pin(self.assert_right(&what, course, ended, before)).await;
        Trial { ended, in_control }
    }
}

pub(super) fn ended(record: &ReleaseRecord) -> Ended {
    match &record.closed {
        Some((_, Outcome::Done)) => Ended::Done,
        Some((_, Outcome::BackedOut { .. })) => Ended::BackedOut,
        other => panic!("neither done nor backed out: {other:?}"),
    }
}
