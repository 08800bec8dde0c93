//! The sample application, run as the images and the sandbox run it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use greenroom::inventory::Endpoint;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{eventually, http_client, load};

const SOON: Duration = Duration::from_secs(10);

struct Sample {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The first line that it logged.
    first_line: String,
    client: reqwest::Client,
    address: Endpoint,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.arg("sample-app").args(arguments);
    for (name, _) in std::env::vars() {
        if name.starts_with("SAMPLE_") || name.starts_with("GREENROOM_") {
            command.env_remove(name);
        }
    }
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Sample {
    /// Starts one and waits until it listens; on a free port unless another is given.
    async fn start(arguments: &[&str]) -> Self {
        let anywhere = ["--address", "127.0.0.1:0"];
        let is_given = arguments.contains(&"--address");
        let all = if is_given { &[] } else { &anywhere[..] };
        let mut process = command(&[all, arguments].concat())
            .spawn()
            .expect("the binary");
        let output = process.stdout.take().expect("its output");
        let mut lines = BufReader::new(output).lines();
        let first_line = timeout(SOON, lines.next_line())
            .await
            .expect("a line soon")
            .expect("a line that can be read")
            .expect("a line before its end");
        let address: Endpoint = first_line
            .rsplit(' ')
            .next()
            .and_then(|address| address.parse().ok())
            .expect("an address at the end of the line");
        let mut client = http_client().timeout(SOON);
        if let Endpoint::Unix(path) = &address {
            client = client.unix_socket(path.as_path());
        }
        let client = client.build().expect("a client");
        Self {
            process,
            lines,
            first_line,
            client,
            address,
        }
    }

    fn url(&self, path: &str) -> String {
        match &self.address {
            Endpoint::Tcp(address) => format!("http://{address}{path}"),
            Endpoint::Unix(_) => format!("http://sample{path}"),
        }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.client.get(self.url(path)).send();
        let response = response.await.expect("an answer");
        let status = response.status();
        (status, response.text().await.expect("a whole answer"))
    }

    async fn index(&self) -> Value {
        serde_json::from_str(&self.get("/").await.1).expect("JSON")
    }

    async fn calls(&self) -> u64 {
        self.index().await["calls"].as_u64().expect("a number")
    }

    fn terminate(&self) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw).expect("a process");
        kill_process(id, Signal::TERM).expect("a signal");
    }

    /// Its exit code after SIGTERM, and its remaining log lines.
    async fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let mut rest = Vec::new();
        while let Some(line) = timeout(SOON, self.lines.next_line())
            .await
            .expect("its end soon")
            .expect("a line that can be read")
        {
            rest.push(line);
        }
        let status = timeout(SOON, self.process.wait()).await;
        (
            status.expect("its end soon").expect("a status").code(),
            rest,
        )
    }

    async fn stop(self) {
        self.terminate();
        assert_eq!(self.ended().await.0, Some(0));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[tokio::test]
async fn the_count_of_calls_is_shared_by_all_versions() {
    let data = tempfile::tempdir().expect("a directory");
    let data = text(data.path());
    let old = Sample::start(&["--version", "1.8.2", "--slot", "blue", "--data", data]).await;
    let new = Sample::start(&["--version", "1.9.0", "--slot", "green", "--data", data]).await;
    let mut calls = tokio::task::JoinSet::new();
    for client in 0..100 {
        let sample = if client % 2 == 0 { &old } else { &new };
        let call = sample.client.get(sample.url("/version")).send();
        calls.spawn(call);
    }
    while let Some(call) = calls.join_next().await {
        assert!(
            call.expect("a call")
                .expect("an answer")
                .status()
                .is_success()
        );
    }
    for _ in 0..5 {
        assert_eq!(old.get("/health").await.0, StatusCode::OK);
    }
    // Each learns of the other's calls without a request about them.
    eventually("both know all calls", SOON, async || {
        old.calls().await > 100 && new.calls().await > 100
    })
    .await;
    let asked_meanwhile = old.calls().await.max(new.calls().await);
    old.stop().await;
    new.stop().await;

    let next = Sample::start(&["--version", "1.9.1", "--slot", "blue", "--data", data]).await;
    let index = next.index().await;
    let total = index["calls"].as_u64().expect("a number");
    assert!(total > asked_meanwhile, "{total} after {asked_meanwhile}");
    assert_eq!(index["version"], "1.9.1");
    assert_eq!(index["slot"], "blue");
    let deployments = index["deployments"].as_array().expect("a list");
    let versions: Vec<_> = deployments.iter().map(|one| &one["version"]).collect();
    assert_eq!(versions, ["1.8.2", "1.9.0", "1.9.1"]);
    for one in deployments {
        let started = one["started"].as_str().expect("a time");
        started.parse::<jiff::Timestamp>().expect("RFC 3339");
    }
    next.stop().await;
}

#[tokio::test]
async fn no_call_is_lost_or_counted_twice_when_a_version_ends_under_load() {
    let data = tempfile::tempdir().expect("a directory");
    let data = text(data.path());
    let first = Sample::start(&["--version", "1", "--data", data]).await;
    let Endpoint::Tcp(address) = first.address else {
        panic!("a TCP address");
    };
    let load = load::Load::start(&load::LoadPlan::new(address, "sample", "/version"));
    eventually("some calls", SOON, async || load.good() > 500).await;
    let report = load.stop().await;
    report.assert_nothing_failed();
    first.stop().await;
    let second = Sample::start(&["--version", "2", "--data", data]).await;
    assert_eq!(second.calls().await, report.requests + 1);
    second.stop().await;
}

#[tokio::test]
async fn sigterm_lets_a_request_in_flight_finish_and_refuses_new_ones() {
    let sample = Sample::start(&["--version", "1"]).await;
    let before = sample.calls().await;
    let slow = sample.client.get(sample.url("/slow?ms=1500")).send();
    let slow = tokio::spawn(slow);
    // This request, and the slow one.
    let mut own = 0;
    eventually("the slow one has started", SOON, || {
        own += 1;
        let (sample, expected) = (&sample, before + own + 1);
        async move { sample.calls().await == expected }
    })
    .await;
    sample.terminate();
    eventually("new connections are refused", SOON, async || {
        let fresh = http_client().build();
        let asked = fresh.expect("a client").get(sample.url("/version")).send();
        asked.await.is_err_and(|error| error.is_connect())
    })
    .await;
    assert!(!slow.is_finished(), "the slow one was not in flight");
    let answer = slow.await.expect("a call").expect("an answer");
    assert_eq!(answer.text().await.expect("whole"), "after 1500 ms\n");
    let (code, rest) = sample.ended().await;
    assert_eq!(code, Some(0));
    assert!(
        rest.iter()
            .any(|line| line.contains("GET /slow?ms=1500 200"))
    );
}

#[tokio::test]
async fn each_request_is_a_line_that_begins_with_its_time() {
    let sample = Sample::start(&["--version", "1.8.2"]).await;
    assert!(sample.first_line.contains("1.8.2 listens on "));
    sample.get("/version").await;
    sample.get("/nowhere?a=b").await;
    sample.terminate();
    let (_, rest) = sample.ended().await;
    for said in ["GET /version 200", "GET /nowhere?a=b 404", "has ended"] {
        let line = rest.iter().find(|line| line.contains(said)).expect(said);
        let time = line.split(' ').next().expect("a first word");
        time.parse::<jiff::Timestamp>().expect("RFC 3339");
    }
}

#[tokio::test]
async fn a_unix_socket_is_accessible_to_the_proxy_and_removed_at_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("blue.sock");
    let address = format!("unix:{}", path.display());
    // A killed version leaves a stale socket.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a stale socket"));

    let sample = Sample::start(&["--version", "1", "--address", &address]).await;
    let mode = std::fs::metadata(&path).expect("the socket").permissions();
    assert_eq!(mode.mode() & 0o777, 0o666);
    assert_eq!(sample.get("/version").await.1, "1\n");

    let second = command(&["--address", &address]).output().await;
    let second = second.expect("the binary");
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("is in use"));
    assert_eq!(sample.get("/version").await.1, "1\n");

    sample.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_unchanged() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("precious");
    std::fs::write(&path, "data").expect("a file");
    let address = format!("unix:{}", path.display());
    let refused = command(&["--address", &address]).output().await;
    let refused = refused.expect("the binary");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not a socket"));
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "data");
}

#[tokio::test]
async fn a_working_version_is_healthy_and_answers_its_checks() {
    let sample = Sample::start(&["--work", "1ms"]).await;
    for path in ["/", "/health", "/orders", "/broken", "/work", "/slow?ms=1"] {
        assert_eq!(sample.get(path).await.0, StatusCode::OK, "{path}");
    }
    let orders: Value = serde_json::from_str(&sample.get("/orders").await.1).expect("JSON");
    assert_eq!(orders["orders"][0]["id"], 1);
    assert_eq!(sample.get("/slow?ms=x").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unhealthy_version_fails_only_its_health_check() {
    let sample = Sample::start(&["--fault", "unhealthy"]).await;
    let unhealthy = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(sample.get("/health").await.0, unhealthy);
    assert_eq!(sample.get("/orders").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_version_that_fails_its_checks_is_healthy() {
    let sample = Sample::start(&["--fault", "failing-checks"]).await;
    assert_eq!(sample.get("/health").await.0, StatusCode::OK);
    for path in ["/orders", "/broken"] {
        let (status, _) = sample.get(path).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
}

#[tokio::test]
async fn a_version_that_starts_slowly_is_healthy_later() {
    let sample = Sample::start(&["--starts-in", "1s"]).await;
    let first = sample.get("/health").await;
    assert_eq!(first.0, StatusCode::SERVICE_UNAVAILABLE);
    eventually("healthy", SOON, async || {
        sample.get("/health").await.0 == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn a_version_that_crashes_says_so_and_fails() {
    let arguments = ["--address", "127.0.0.1:0", "--fault", "crash"];
    let output = command(&arguments).output().await.expect("the binary");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("crashes on purpose"));
}
