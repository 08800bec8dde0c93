//! Containers for the measured console to show, and a configuration that names them. They sleep or
//! write to their log. They serve nothing, because only the console is measured.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Many containers. Dropping this removes them.
pub(crate) struct Crowd {
    place: TempDir,
    names: Vec<String>,
    rate: u64,
}

const IMAGE: &str = "greenroom-measure:busybox";
/// Blocks that a writing container writes each second.
const BLOCKS: u64 = 20;

impl Crowd {
    /// Creates `ours` containers, two per service, and `others` of other owners that are never
    /// started.
    pub(crate) fn of(ours: usize, others: usize) -> Self {
        let services = ours.div_ceil(2);
        let mut crowd = Self::configured(services, 0);
        for number in 0..ours {
            let slot = if number % 2 == 0 { "blue" } else { "green" };
            crowd.start(&service(number / 2), slot, "exec sleep 1000000");
        }
        for number in 0..others {
            crowd.create(&format!("greenroom-measure-other-{number}"));
        }
        crowd
    }

    /// Writes this many keys into etcd that do not belong to Greenroom.
    pub(crate) fn with_foreign_keys(self, count: usize) -> Self {
        for first in (0..count).step_by(100) {
            let puts = (first..first + 100)
                .map(|number| format!("put /somebody/else/{number} \"{number}\"\n"));
            let text = format!("\n{}\n\n", puts.collect::<String>());
            let mut command = etcdctl();
            command
                .arg("txn")
                .stdin(Stdio::piped())
                .stdout(Stdio::null());
            let mut child = command.spawn().expect("etcdctl");
            let mut input = child.stdin.take().expect("its input");
            input.write_all(text.as_bytes()).expect("written");
            drop(input);
            assert!(child.wait().expect("it ends").success());
        }
        self
    }

    /// One container that writes this many lines a second. The last line of each block has the
    /// time.
    pub(crate) fn talking(rate: u64) -> Self {
        let mut crowd = Self::configured(1, rate);
        let lines = rate / BLOCKS - 1;
        let line = "2026-11-21T10:00:00Z info GET /basket/77 200 4ms customer=1234567 items=3";
        let pause = 1_000_000 / BLOCKS;
        let script = format!(
            "i=0; while [ $i -lt {lines} ]; do echo '{line}'; i=$((i+1)); done >/block; \
             next=$(cut -d' ' -f1 /proc/uptime); \
             while :; do cat /block; echo \"mark $(cut -d' ' -f1 /proc/uptime) \"; usleep {pause}; done"
        );
        crowd.start(&service(0), "blue", &script);
        crowd
    }

    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// The requested lines per second.
    pub(crate) fn rate(&self) -> u64 {
        self.rate
    }

    /// The process number of the engine.
    #[expect(clippy::unused_self, reason = "an engine belongs to a crowd")]
    pub(crate) fn engine(&self) -> u32 {
        let id = std::env::var("GREENROOM_MEASURE_ENGINE").expect("run by tests/measure");
        id.parse().expect("a process")
    }

    fn configured(services: usize, rate: u64) -> Self {
        let place = tempfile::Builder::new()
            .prefix("greenroom-measure")
            .tempdir()
            .expect("a directory");
        let at = place.path().display();
        let text = configuration(&at.to_string(), services);
        std::fs::write(place.path().join("greenroom.toml"), text).expect("a configuration");
        for number in 0..services {
            route(&service(number), number);
        }
        Self {
            place,
            names: Vec::new(),
            rate,
        }
    }

    fn start(&mut self, service: &str, slot: &str, script: &str) {
        let name = format!("greenroom-{service}.production.{slot}");
        let labels = [
            format!("greenroom.service={service}"),
            "greenroom.environment=production".to_owned(),
            format!("greenroom.slot={slot}"),
            "greenroom.tag=1.8.2".to_owned(),
            format!("greenroom.digest={DIGEST}"),
        ];
        let mut command = docker();
        command.args(["run", "--detach", "--network", "none", "--name", &name]);
        for label in &labels {
            command.args(["--label", label]);
        }
        command.args([IMAGE, "/bin/sh", "-c", script]);
        done(command);
        self.names.push(name);
    }

    fn create(&mut self, name: &str) {
        let mut command = docker();
        command.args(["create", "--network", "none", "--name", name, IMAGE, "true"]);
        done(command);
        self.names.push(name.to_owned());
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for names in self.names.chunks(100) {
            let mut command = docker();
            command.args(["rm", "--force", "--volumes"]).args(names);
            done(command);
        }
        let mut command = etcdctl();
        command.args(["del", "--prefix", "/"]);
        done(command);
    }
}

const DIGEST: &str = "sha256:4f2a9c01e74f2a9c01e74f2a9c01e74f2a9c01e74f2a9c01e74f2a9c01e74f2a";

fn service(number: usize) -> String {
    format!("service-{number:03}")
}

fn port(number: usize, slot: usize) -> usize {
    41_000 + 4 * number + slot
}

fn route(service: &str, number: usize) {
    let release = "01JD4000000000000000000000";
    let address = format!("127.0.0.1:{}", port(number, 0));
    let text = serde_json::json!({
        "generation": 1, "live": "blue", "endpoint": address, "digest": DIGEST,
        "release": release, "token": 1,
    });
    let mut command = etcdctl();
    let key = format!("/greenroom/v1/targets/{service}/production/route");
    command.args(["put", &key, &text.to_string()]);
    done(command);
}

fn configuration(at: &str, services: usize) -> String {
    let variable = |name: &str| std::env::var(name).expect("run by tests/measure");
    let (docker, etcd) = (
        variable("GREENROOM_TEST_DOCKER"),
        variable("GREENROOM_TEST_ETCD"),
    );
    let answer = variable("GREENROOM_MEASURE_ANSWER");
    let mut text = format!(
        "[environments.production]\ntier = \"staging\"\n\
         [environments.production.docker]\naddress = \"{docker}\"\n\
         [environments.production.etcd]\nendpoints = [\"{etcd}\"]\n\
         [environments.production.nginx]\nsites = \"{at}/sites\"\nstate = \"{at}/live\"\n\
         answer = {{ listen = \"{answer}\" }}\n"
    );
    for number in 0..services {
        let name = service(number);
        let [blue, green, public] = [0, 1, 2].map(|slot| port(number, slot));
        let _ = write!(
            text,
            "\n[services.{name}]\nimage = \"registry.example/{name}\"\nlisten = {{ port = 8080 }}\n\
             [services.{name}.environments.production]\n\
             endpoints = {{ blue = \"127.0.0.1:{blue}\", green = \"127.0.0.1:{green}\" }}\n\
             proxy = {{ server_names = [\"{name}.example\"], listen = \"127.0.0.1:{public}\" }}\n"
        );
    }
    text
}

fn docker() -> Command {
    let mut command = Command::new("docker");
    command.env(
        "DOCKER_HOST",
        std::env::var("GREENROOM_TEST_DOCKER").expect("run by tests/measure"),
    );
    command
}

fn etcdctl() -> Command {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").env(
        "ETCDCTL_ENDPOINTS",
        std::env::var("GREENROOM_TEST_ETCD").expect("run by tests/measure"),
    );
    command
}

fn done(mut command: Command) {
    let status = command.stdout(Stdio::null()).status().expect("it runs");
    assert!(status.success(), "{command:?}");
}
