//! One release that is killed at one point, another program that takes it up, and what has to be so then.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use greenroom::history::{Direction, Happening, Outcome, ReleaseRecord, Step};
use greenroom::inventory::{Role, Slot};

use super::audit::Audit;
use super::stage::{Driving, SOON, Stage};
use crate::support::docker;
use crate::support::middleman::Point;

/// What the first program was told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// A promote.
    Forward,
    /// A promote of a version that fails its checks, and is backed out.
    Failing,
    /// The back out of a promote that was killed while it watched.
    Back,
    /// A promote that has to give nginx a new configuration first.
    Installing,
}

impl Course {
    /// How it ends when nobody disturbs it.
    pub(super) fn exit(self) -> i32 {
        match self {
            Self::Forward | Self::Installing => 0,
            Self::Failing | Self::Back => 1,
        }
    }
}

/// What the second operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// Waits for the lease to end, and goes on.
    GoesOn,
    /// Waits for the lease to end, and backs out.
    BacksOut,
    /// Takes the lock by force, and goes on.
    Forces,
}

/// Where it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    BackedOut,
}

/// What came out of a trial.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) ended: Ended,
    /// Whether the lock was taken by force, and how long after the kill; none where nothing was left to do.
    pub(super) in_control: Option<(bool, Duration)>,
}

/// What stood before.
pub(super) struct Before {
    live: (Slot, String),
    newest: ReleaseRecord,
    tag: String,
    audit: Audit,
}

impl Stage {
    fn name(&self) -> String {
        self.house.target.service.to_string()
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
        self.with_leftover().await;
        if course == Course::Installing {
            self.reshape().await;
        }
        let fault = if course == Course::Failing {
            "failing-checks"
        } else {
            "none"
        };
        let tag = self.versions.another(fault).await;
        let snapshot = self.house.snapshot().await;
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
            moment: crate::support::middleman::Moment::After,
        };
        self.ledger.begin(Some(watching));
        let mut promote = self.promote(&before.tag);
        self.until_stopped(&mut promote, "intent watch").await;
        promote.kill();
        self.ledger.begin(point.cloned());
        let forced = ["--back-out", "--take-over", "--reason", "she went home"];
        (self.resume(&forced), before)
    }

    fn resume(&self, more: &[&str]) -> Driving {
        let name = self.name();
        let arguments = [&["resume", &name, "production", "--yes"], more].concat();
        self.start(&arguments)
    }

    async fn goes_back(&self) -> bool {
        let recorded = self.recorded().await;
        let says_so = |happening: &Happening| matches!(happening, Happening::BackOutAsked { .. });
        recorded.entries.iter().any(|entry| says_so(&entry.what))
    }

    async fn until_stopped(&self, driving: &mut Driving, point: &str) {
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

    /// Kills a release at that point, lets another operator take it up, and looks at everything.
    pub(super) async fn killed_at(
        &mut self,
        course: Course,
        point: &Point,
        second: Second,
    ) -> Trial {
        let what = format!("{course:?}, killed {point}, {second:?}");
        let (mut first, before) = self.begin(course, Some(point)).await;
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
        if !forces {
            self.until_free().await;
        }
        // Until it is written down that it goes back, it is to become live.
        let goes_back = course == Course::Failing || self.goes_back().await;
        let (ended, exit) = match second {
            _ if is_begun && !is_open => (ended(&found), None),
            _ if !is_begun => (Ended::Done, Some(0)),
            _ if goes_back => (Ended::BackedOut, Some(1)),
            Second::BacksOut => (Ended::BackedOut, Some(1)),
            Second::GoesOn | Second::Forces => (Ended::Done, Some(0)),
        };
        let mut driving = match second {
            _ if !is_open => self.resume(&[]),
            Second::GoesOn => self.resume(&[]),
            Second::BacksOut => self.resume(&["--back-out"]),
            Second::Forces => self.resume(&["--take-over", "--reason", "she went home"]),
        };
        let mut code = driving.ended().await;
        let mut said = driving.said();
        if !is_open {
            assert!(
                code == Some(1) && said.contains("over already"),
                "{what}: {code:?} {said}"
            );
            if !is_begun {
                // Nothing was begun: whoever wants the version promotes it.
                driving = self.promote(&before.tag);
                code = driving.ended().await;
                said = driving.said();
            }
        }
        if let Some(exit) = exit {
            assert_eq!(code, Some(exit), "{what}: {said}");
        }
        let control = self.ledger.passed().into_iter();
        let control = control
            .filter(|act| act.act == "lock" && act.at > killed)
            .last();
        let in_control = control.map(|act| (forces, act.at - killed));
        assert_eq!(in_control.is_some(), exit.is_some(), "{what}");
        self.is_right(&what, course, ended, before).await;
        Trial { ended, in_control }
    }

    /// Everything that has to be so when it is over, wherever it was killed.
    async fn is_right(&self, what: &str, course: Course, ended: Ended, before: Before) {
        let (slot, tag) = match ended {
            Ended::Done => (before.live.0.other(), before.tag.clone()),
            Ended::BackedOut => before.live.clone(),
        };
        // The journal.
        let recorded = self.recorded().await;
        assert_eq!(self::ended(&recorded.head), ended, "{what}: {recorded:#?}");
        let mut done: BTreeMap<(Step, bool), u32> = BTreeMap::new();
        for entry in &recorded.entries {
            if let Happening::Outcome {
                step,
                direction,
                failure: None,
                ..
            } = &entry.what
            {
                *done
                    .entry((*step, *direction == Direction::Back))
                    .or_default() += 1;
            }
        }
        let twice: Vec<_> = done.iter().filter(|(_, times)| **times > 1).collect();
        assert_eq!(
            twice,
            [],
            "{what}: steps that were done twice: {recorded:#?}"
        );

        // What everybody is shown.
        let (code, said) = self
            .run(&["--json", "status", &self.name(), "production"])
            .await;
        assert_eq!(code, Some(0), "{what}: {said}");
        let status: serde_json::Value = serde_json::from_str(&said).expect("a line of JSON");
        assert_eq!(status["live"], slot.as_str(), "{what}: {status}");
        assert_eq!(status["agreed"], true, "{what}: {status}");
        assert_eq!(
            status["interrupted"],
            serde_json::json!([]),
            "{what}: {status}"
        );
        assert_eq!(
            status["snapshot"]["lock"],
            serde_json::Value::Null,
            "{what}"
        );
        let snapshot = self.house.snapshot().await;
        let live = snapshot
            .live_instance()
            .map(|it| it.version_name().to_owned());
        assert_eq!(live, Some(tag), "{what}");

        // What is left behind.
        let other = snapshot.role(slot.other());
        let is_clean = match ended {
            Ended::Done => other == Role::Stopped,
            // Where it was killed before it made room, what stood there before still does.
            Ended::BackedOut => matches!(other, Role::Empty | Role::Stopped),
        };
        assert!(is_clean, "{what}: the other slot is {other}");
        let containers = self.containers();
        let expected = 1 + usize::from(other == Role::Stopped);
        assert_eq!(containers.len(), expected, "{what}: {containers:?}");
        assert_eq!(self.pointer_files(), ["blue", "green", "live"], "{what}");

        // What was done to the engine, by both together: each thing once, wherever the first was killed.
        if ended == Ended::Done && course != Course::Back {
            for act in [
                "pull",
                "create container",
                "start container",
                "stop container",
                "remove container",
            ] {
                assert_eq!(
                    self.ledger.arrived(act),
                    1,
                    "{what}: {act}: {:#?}",
                    self.ledger.passed()
                );
            }
        }
        before
            .audit
            .is_right(what, before.live.0, ended, self.is_older)
            .await;
    }

    /// Names and states of the containers of the target.
    fn containers(&self) -> Vec<String> {
        let filter = format!("label=greenroom.service={}", self.name());
        let listed = Command::new("docker")
            .args(["-H", &docker(), "ps", "-a", "--filter", &filter])
            .args(["--format", "{{.Names}} {{.State}}"])
            .output()
            .expect("the docker client");
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        listed.lines().map(str::to_owned).collect()
    }

    fn pointer_files(&self) -> Vec<String> {
        let place = self
            .house
            .place
            .path()
            .join("live")
            .join(self.name())
            .join("production");
        let mut names: Vec<String> = fs::read_dir(place)
            .expect("the pointer")
            .map(|entry| {
                entry
                    .expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

fn ended(record: &ReleaseRecord) -> Ended {
    match &record.closed {
        Some((_, Outcome::Done)) => Ended::Done,
        Some((_, Outcome::BackedOut { .. })) => Ended::BackedOut,
        other => panic!("neither done nor backed out: {other:?}"),
    }
}
