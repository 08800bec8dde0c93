//! The required state after a killed release has ended, wherever it was killed.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use greenroom::history::{Direction, JournalEvent, Step};
use greenroom::inventory::Role;

use super::stage::Stage;
use super::trial::{Before, Course, Ended};
use crate::support::docker;

impl Stage {
    /// Asserts everything that must be true at the end, wherever the release was killed.
    pub(super) async fn assert_right(
        &self,
        what: &str,
        course: Course,
        ended: Ended,
        before: Before,
    ) {
        let (slot, tag) = match ended {
            Ended::Done => (before.live.0.other(), before.tag.clone()),
            Ended::BackedOut => before.live.clone(),
        };
        // The journal.
        let recorded = self.recorded().await;
        assert_eq!(
            super::trial::ended(&recorded.head),
            ended,
            "{what}: {recorded:#?}"
        );
        let mut done: BTreeMap<(Step, bool), u32> = BTreeMap::new();
        for entry in &recorded.entries {
            if let JournalEvent::Outcome {
                step,
                direction,
                failure: None,
                ..
            } = &entry.event
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

        // The output of `status`. On a busy machine a source may not answer in its time; then nothing is known.
        let until = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
        let (code, answered) = loop {
            let (code, said) = self
                .run(&["--json", "status", &self.name(), "production"])
                .await;
            let answered: serde_json::Value = serde_json::from_str(&said).expect("a line of JSON");
            let is_known = !answered["data"]["targets"][0]["agreed"].is_null();
            if is_known || tokio::time::Instant::now() > until {
                break (code, answered);
            }
        };
        assert_eq!(code, Some(0), "{what}: {answered}");
        let status = &answered["data"]["targets"][0];
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
        let snapshot = self.snapshot().await;
        let live = snapshot
            .live_instance()
            .map(|it| it.version_name().to_owned());
        assert_eq!(live, Some(tag), "{what}");

        // Leftovers.
        let other = snapshot.role(slot.other());
        let is_clean = match ended {
            Ended::Done => other == Role::Stopped,
            // If it was killed before it emptied the slot, the earlier content is still there.
            Ended::BackedOut => matches!(other, Role::Empty | Role::Stopped),
        };
        assert!(is_clean, "{what}: the other slot is {other}");
        let containers = self.containers();
        let expected = 1 + usize::from(other == Role::Stopped);
        assert_eq!(containers.len(), expected, "{what}: {containers:?}");
        if !self.is_background() {
            let mut pointer = self.pointer_files();
            // Written by a program that knows how old its configuration is.
            pointer.retain(|file| file != "installed.json");
            assert_eq!(pointer, ["blue", "green", "live"], "{what}");
        }

        // The calls to the engine by both programs together: each change once, wherever the first
        // was killed.
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
        let audited = before
            .audit
            .assert_right(what, before.live.0, ended, self.is_older);
        Box::pin(audited).await;
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
            .fixture
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
