//! The driver of a release is killed between the creation of the candidate and its start. The candidate starts with its
//! secrets, whichever driver starts it.

use std::process::Command;

use greenroom::inventory::instance_name;

use super::both_moments;
use super::stage::Stage;
use super::trial::Course;
use crate::support::docker;
use crate::support::middleman::Passed;

impl Stage {
    async fn with_a_secret(&mut self) {
        let file = self.fixture.place.path().join("password");
        std::fs::write(&file, "hunter2-of-the-candidate").expect("written");
        let secret = format!(
            "restart = \"no\"\nsecrets = {{ password = {{ file = \"{}\" }} }}",
            file.display()
        );
        self.fixture
            .rebuild(|text| text.replace("restart = \"no\"", &secret))
            .await;
    }

    /// The content of the secret file in the live container.
    async fn secret(&self) -> String {
        let live = self.snapshot().await.live().expect("something is live");
        let name = instance_name(&self.fixture.target, live, 1);
        let said = Command::new("docker")
            .args([
                "-H",
                &docker(),
                "exec",
                &name,
                "/bin/busybox",
                "cat",
                "/run/secrets/password",
            ])
            .output();
        let said = said.expect("docker");
        String::from_utf8_lossy(&said.stdout).into_owned()
    }
}

/// The acts from the creation of the candidate to its start.
fn of_the_start(passed: &[Passed]) -> &[Passed] {
    let at = |act: &str| {
        passed
            .iter()
            .position(|it| it.act == act)
            .expect("it was done")
    };
    &passed[at("create container")..=at("start container")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_whose_driver_is_killed_before_the_start_has_its_secrets() {
    let mut stage = Stage::new().await;
    stage.with_a_secret().await;
    let passed = stage.undisturbed(Course::Forward).await;
    let of_the_start = of_the_start(&passed);
    assert_eq!(
        of_the_start.len(),
        3,
        "create, upload and start: {of_the_start:?}"
    );
    for point in both_moments(of_the_start) {
        stage.with_leftover().await;
        stage.killed_then_resumed(&point).await;
        assert_eq!(
            stage.secret().await,
            "hunter2-of-the-candidate",
            "killed {point}"
        );
    }
    let load = stage.close().await;
    load.assert_nothing_failed();
}
