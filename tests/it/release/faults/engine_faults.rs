//! A Docker engine that is restarted or killed while containers are running and a release is in
//! progress. It is a private engine with live-restore, as production engines have.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use tempfile::TempDir;

use super::super::fixture::{Fixture, FixtureOptions, version};
use super::super::{load, nothing_was_noticed};
use crate::support::{eventually, from_environment};

const SOON: Duration = Duration::from_mins(1);

struct Engine {
    place: TempDir,
    bridge: String,
    process: Option<Child>,
}

fn done(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

impl Engine {
    async fn start() -> Self {
        let place = tempfile::Builder::new()
            .prefix("e")
            .tempdir_in(from_environment("GREENROOM_TEST_DIR"))
            .expect("a directory");
        let tail = u32::try_from(ulid::Ulid::generate().random() % (1 << 28)).expect("it is less");
        let bridge = format!("gre{tail:x}");
        let ip = |arguments: &[&str]| assert!(done("ip", arguments), "{arguments:?}");
        // With a fixed address, as in tests/lib/servers.sh. Otherwise the address changes when
        // containers come and go.
        let [_, a, b, c] = tail.to_be_bytes();
        let address = format!("02:42:77:{a:02x}:{b:02x}:{c:02x}");
        ip(&[
            "link", "add", "name", &bridge, "address", &address, "type", "bridge",
        ]);
        let subnet = format!("10.119.{}.1/24", tail % 256);
        ip(&["addr", "add", &subnet, "dev", &bridge]);
        ip(&["link", "set", &bridge, "up"]);
        fs::write(place.path().join("daemon.json"), "{}").expect("its settings");
        let mut engine = Self {
            place,
            bridge,
            process: None,
        };
        engine.run().await;
        engine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn address(&self) -> String {
        format!("unix://{}", self.at("docker.sock").display())
    }

    fn docker(&self, arguments: &[&str]) -> bool {
        done("docker", &[&["-H", &self.address()], arguments].concat())
    }

    async fn run(&mut self) {
        let log = File::create(self.at("log")).expect("a log");
        let mut command = Command::new("dockerd");
        for (name, file) in [
            ("--config-file", "daemon.json"),
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
        ] {
            command.arg(name).arg(self.at(file));
        }
        let child = command
            .args(["--host", &self.address(), "--bridge", &self.bridge])
            .args(["--containerd-namespace", &self.bridge])
            .args([
                "--containerd-plugins-namespace",
                &format!("{}-plugins", self.bridge),
            ])
            .args(["--iptables=false", "--ip6tables=false", "--ip-masq=false"])
            .args([
                "--ip-forward=false",
                "--live-restore",
                "--shutdown-timeout",
                "5",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the same log"))
            .stderr(log)
            .spawn()
            .expect("dockerd is installed");
        self.process = Some(child);
        eventually("the engine answers", SOON, || async {
            self.docker(&["version"])
        })
        .await;
    }

    /// Ends it, and leaves its containers running.
    fn end(&mut self, signal: &str) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let helper = fs::read_to_string(self.at("exec/containerd/containerd.pid"));
        let helper = PathBuf::from("/proc").join(helper.expect("its helper").trim());
        assert!(done("kill", &[signal, &process.id().to_string()]));
        process.wait().expect("its end");
        // An engine that starts while the previous containerd is still ending waits for it forever.
        let until = Instant::now() + SOON;
        while helper.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Engine {
    /// Containers survive an engine of this kind, so they survive a failed test too.
    fn kill_what_is_left(&self) {
        let place = self.place.path().display().to_string();
        let Ok(processes) = fs::read_dir("/proc") else {
            return;
        };
        for process in processes.flatten().map(|process| process.path()) {
            let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
            let Some(id) = process.file_name().and_then(|id| id.to_str()) else {
                continue;
            };
            if line.contains("containerd-shim") && line.contains(&place) {
                let children = process.join("task").join(id).join("children");
                let children = fs::read_to_string(children).unwrap_or_default();
                for id in children.split_whitespace().chain([id]) {
                    done("kill", &["-KILL", id]);
                }
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let listed = Command::new("docker")
            .args(["-H", &self.address(), "ps", "-aq"])
            .output();
        if let Ok(listed) = listed {
            for id in String::from_utf8_lossy(&listed.stdout).lines() {
                self.docker(&["rm", "-f", "-v", id]);
            }
        }
        self.end("-TERM");
        self.kill_what_is_left();
        done("ip", &["link", "delete", &self.bridge]);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let place = self.place.path().display().to_string();
        let below = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        for mounted in below.filter(|path| path.starts_with(&place)) {
            done("umount", &["-l", mounted]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_restarted_or_killed_under_live_containers_only_delays_a_release() {
    let mut engine = Engine::start().await;
    let options = FixtureOptions {
        docker: engine.address(),
        // Processes of the engine forward the ports, and they end with it.
        on_sockets: true,
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let cases = [
        ("-TERM", Step::Start, "1.9.0"),
        ("-KILL", Step::Start, "1.8.2"),
        ("-KILL", Step::Watch, "1.9.0"),
        ("-TERM", Step::Watch, "1.8.2"),
    ];
    for (signal, step, tag) in cases {
        let running = fixture.begin(version(tag)).await;
        running.until_running(step).await;
        if (signal, step) == ("-KILL", Step::Start) {
            // If Docker 20.10 is killed during a call to start a container, it forgets that it did.
            // Then it refuses to start the container: "task … already exists".
            running
                .until("it was started", |status| {
                    let step_status = status
                        .steps
                        .iter()
                        .find(|step_status| step_status.step == step);
                    step_status.is_some_and(|step_status| {
                        format!("{:?}", step_status.state).contains("healthy")
                    })
                })
                .await;
        }
        engine.end(signal);
        engine.run().await;
        let finished = running.finish().await;
        assert_eq!(
            finished.outcome(),
            Some(Outcome::Done),
            "{signal} at {step}: {finished:?}"
        );
        println!("{signal} at {step}: done in {:.1?}", finished.took);
        fixture.stands(tag, Role::Stopped).await;
    }
    let report = load.stop().await;
    println!("the engine restarted: {report}");
    nothing_was_noticed(&report);
}
