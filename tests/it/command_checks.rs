//! Checks that are commands: how they end, what they know of the candidate, their JUnit reports, and that they leave
//! nothing running.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use greenroom::adapters::command_checks::LocalCommands;
use greenroom::adapters::secrets::LocalSecrets;
use greenroom::checks::{Case, CaseKind, CaseReport, CommandCase, OutputMask, Verdict};
use greenroom::inventory::{EnvironmentValue, Mask, ReleaseId, SecretSource, Slot};
use greenroom::ports::{CheckOutput, CheckedCandidate, CommandChecks};
use rustix::process::Signal;

use crate::sandbox::{Sandbox, until, words};
use crate::support::eventually;
use crate::support::web::{target, version};

const SOON: Duration = Duration::from_secs(20);

fn case(script: &str, timeout: Duration) -> Case {
    Case {
        name: "smoke".into(),
        kind: CaseKind::Command(CommandCase {
            hurl: None,
            command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            environment: BTreeMap::new(),
            junit: script.contains("GREENROOM_REPORT"),
        }),
        timeout,
        required: true,
        retries: 0,
    }
}

async fn run_case(case: &Case) -> CaseReport {
    run_into(case, &CheckOutput::default()).await
}

async fn run_into(case: &Case, output: &CheckOutput) -> CaseReport {
    let mask = OutputMask {
        mask: Mask::of(["s3cret-w0rd-9"]),
        is_complete: true,
    };
    run_masked(case, output, std::future::ready(mask)).await
}

async fn run_masked(
    case: &Case,
    output: &CheckOutput,
    mask: impl Future<Output = OutputMask> + Send,
) -> CaseReport {
    let commands = LocalCommands::new(Arc::new(LocalSecrets::default()));
    let candidate = CheckedCandidate {
        target: target(),
        slot: Slot::Green,
        version: version("1.9.0", 'b'),
        release: ReleaseId(ulid::Ulid::from_parts(1, 1)),
        address: "127.0.0.1:18082".parse().ok(),
    };
    let command = case.command().expect("a command");
    let running = commands.run(case, command, &candidate, mask.boxed(), output);
    running.await
}

async fn run(script: &str) -> CaseReport {
    run_case(&case(script, SOON)).await
}

/// The processes whose command line contains the text.
fn processes_with(text: &str) -> Vec<String> {
    let pids = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines = pids.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}

#[tokio::test]
async fn the_exit_code_decides_and_the_output_is_kept_without_secrets() {
    let passed = run("echo well").await;
    assert_eq!(
        (passed.verdict, passed.detail.as_str()),
        (Verdict::Passed, "")
    );
    assert!(passed.response.contains("well"), "{passed:?}");
    let failed = run("echo s3cret-w0rd-9; printf 'no \\033[31mdisk' >&2; exit 3").await;
    assert_eq!(failed.verdict, Verdict::Failed);
    assert_eq!(failed.detail, "exit 3: no disk");
    let shown = format!("{failed:?}");
    assert!(
        !shown.contains("s3cret-w0rd-9") && !shown.contains("\\u{1b}"),
        "{shown}"
    );
    let unfinished = run("printf 'no disk' >&2; printf ' left'; exit 3").await;
    assert_eq!(unfinished.detail, "exit 3: no disk left");
    let killed = run("kill -9 $$").await;
    assert_eq!(killed.verdict, Verdict::Failed, "{killed:?}");
}

#[tokio::test]
async fn a_secret_that_is_known_only_after_the_start_is_hidden() {
    let directory = tempfile::tempdir().expect("a directory");
    let started = directory.path().join("started");
    let script = format!("touch {}; echo s3cret-w0rd-9; exit 3", started.display());
    // The mask knows the secret only if the command was started before.
    let mask = async {
        OutputMask {
            mask: Mask::of(started.exists().then_some("s3cret-w0rd-9")),
            is_complete: true,
        }
    };
    let report = run_masked(&case(&script, SOON), &CheckOutput::default(), mask).await;
    assert_eq!(report.detail, "exit 3: (hidden)", "{report:?}");
}

#[tokio::test]
async fn an_output_that_may_contain_unknown_secrets_is_left_out() {
    let mask = async { OutputMask::default() };
    let case = case("printf 's3cret%s' '-w0rd-9'; exit 3", SOON);
    let report = run_masked(&case, &CheckOutput::default(), mask).await;
    assert_eq!(report.verdict, Verdict::Failed);
    let shown = format!("{report:?}");
    assert!(!shown.contains("s3cret-w0rd-9"), "{shown}");
    assert!(
        report.detail.starts_with("exit 3; the output is left out"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_long_output_is_cut_at_a_line_so_that_no_part_of_a_secret_is_kept() {
    let fill = |bytes: usize| format!("head -c {bytes} /dev/zero | tr '\\0' x");
    let first = "printf s3cret-w0rd-9";
    for rest in [16 * 1024 - 4, 16 * 1024, 60 * 1024] {
        let one_line = run(&format!("{first}; {}; exit 1", fill(rest))).await;
        assert!(!one_line.response.contains("w0rd-9"), "{one_line:?}");
        let fill = fill(rest - 5);
        let two_lines = run(&format!("{first}; {fill}; printf '\\nlast'; exit 1")).await;
        assert!(!two_lines.response.contains("w0rd-9"), "{two_lines:?}");
        assert_eq!(two_lines.detail, "exit 1: last");
    }
}

#[tokio::test]
async fn lines_can_be_followed_while_the_command_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("continue");
    let script = format!(
        "mkfifo {0}; echo first; echo second >&2; cat {0}",
        pipe.display()
    );
    let case = case(&script, SOON);
    let output = CheckOutput::default();
    let mut lines = output.lines();
    let running = run_into(&case, &output);
    let following = async {
        let mut read = Vec::new();
        while read.len() < 2 {
            let (_, new) = lines.next(10).await.expect("the check is running");
            read.extend(new.into_iter().map(|line| line.chunk.bytes));
        }
        assert_eq!(read, [b"first".to_vec(), b"second".to_vec()]);
        tokio::fs::write(&pipe, "last").await.expect("written");
    };
    let (report, ()) = tokio::join!(running, following);
    assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
    let (_, new) = lines.next(10).await.expect("the last line");
    assert_eq!(new[0].chunk.bytes, b"last");
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_an_error() {
    let mut case = case("", SOON);
    if let CaseKind::Command(command) = &mut case.kind {
        command.command = vec!["/nowhere/smoke".into()];
    }
    let report = run_case(&case).await;
    assert_eq!(report.verdict, Verdict::Errored, "{report:?}");
    assert!(report.detail.contains("/nowhere/smoke"), "{report:?}");
}

#[tokio::test]
async fn a_command_knows_the_candidate_and_its_own_variables_but_not_greenrooms() {
    let mut case = case("env | sort; exit 1", SOON);
    if let CaseKind::Command(command) = &mut case.kind {
        let source = SecretSource::Command(vec!["echo".into(), "s3cret-w0rd-9".into()]);
        command.environment = BTreeMap::from([
            ("SUITE".to_owned(), EnvironmentValue::Plain("fast".into())),
            ("LOGIN".to_owned(), EnvironmentValue::Secret(source)),
        ]);
    }
    let report = run_case(&case).await;
    for line in [
        "GREENROOM_URL=http://127.0.0.1:18082",
        "GREENROOM_ADDRESS=127.0.0.1:18082",
        "GREENROOM_SERVICE=web",
        "GREENROOM_ENVIRONMENT=production",
        "GREENROOM_SLOT=green",
        "GREENROOM_VERSION=1.9.0",
        "SUITE=fast",
        "LOGIN=(hidden)",
    ] {
        assert!(
            report.response.lines().any(|it| it == line),
            "{line}: {report:?}"
        );
    }
    assert!(!report.response.contains("CARGO"), "{report:?}");
}

#[tokio::test]
async fn every_test_of_a_junit_report_counts() {
    let write = |tests: &str| {
        format!("echo '<testsuite name=\"orders\">{tests}</testsuite>' > \"$GREENROOM_REPORT\"")
    };
    let good = run(&write("<testcase name=\"list\" time=\"1.5\"/>")).await;
    assert_eq!(good.verdict, Verdict::Passed, "{good:?}");
    assert_eq!(good.tests[0].took, Duration::from_millis(1500));
    let bad = write(
        "<testcase name=\"list\"/><testcase name=\"pay\"><failure message=\"402\"/></testcase>",
    );
    let bad = run(&bad).await;
    assert_eq!(bad.verdict, Verdict::Failed, "{bad:?}");
    assert_eq!(bad.detail, "1 of 2 tests failed: pay");
    for (script, words) in [
        ("true $GREENROOM_REPORT", "wrote no JUnit report"),
        ("echo '<x' > $GREENROOM_REPORT", "no valid XML"),
        ("mkfifo $GREENROOM_REPORT", "wrote no JUnit report"),
        ("ln -s /dev/zero $GREENROOM_REPORT", "wrote no JUnit report"),
        ("truncate -s 17M $GREENROOM_REPORT", "more than 16 MiB"),
    ] {
        let report = run(script).await;
        assert_eq!(report.verdict, Verdict::Errored, "{script}: {report:?}");
        assert!(report.detail.contains(words), "{script}: {report:?}");
    }
}

#[tokio::test]
async fn a_command_that_runs_too_long_is_killed_with_its_children() {
    let mark = "86401.25";
    let script = format!("trap '' TERM; sleep {mark} & echo ready; sleep {mark}");
    let report = run_case(&case(&script, Duration::from_millis(300))).await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:?}");
    assert_eq!(report.detail, "it was still running after 0.3s: ready");
    eventually("nothing runs", SOON, || async {
        processes_with(mark).is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_command_is_killed_and_so_is_what_a_finished_one_left() {
    let mark = "86402.25";
    let script = format!("sleep {mark} & sleep {mark}");
    let endless = case(&script, SOON);
    let running = run_case(&endless);
    let started = eventually("it runs", SOON, || async { processes_with(mark).len() > 2 });
    tokio::select! {
        report = running => panic!("it ended: {report:?}"),
        () = started => {}
    }
    eventually("nothing runs", SOON, || async {
        processes_with(mark).is_empty()
    })
    .await;
    let report = run(&format!("sleep {mark} & exit 0")).await;
    assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
    eventually("nothing runs", SOON, || async {
        processes_with(mark).is_empty()
    })
    .await;
}

/// A sandbox in which the checks of `web` have one more, a command.
fn sandbox_with(script: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::kept().up();
    add_check(&sandbox.place(), script, more);
    sandbox
}

fn add_check(place: &Path, script: &str, more: &str) {
    let file = place.join("greenroom.toml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    let check = format!(
        "\n[[services.web.checks]]\nname = \"smoke\"\ncommand = [\"/bin/sh\", \"-c\", '{script}']\n{more}\n"
    );
    std::fs::write(&file, text + &check).expect("written");
}

const PROMOTE: [&str; 6] = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];

#[test]
fn a_failing_command_stops_a_release_and_its_report_is_kept() {
    let report = r#"echo "<testsuite name=\"orders\"><testcase name=\"pay\"><failure message=\"402\"/></testcase></testsuite>" > $GREENROOM_REPORT"#;
    let sandbox = sandbox_with(report, "junit = true");
    let failed = sandbox.run(&PROMOTE);
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let said = words(&failed);
    assert!(
        said.contains("smoke failed: 1 of 1 tests failed: pay"),
        "{said}"
    );
    let shown = words(&sandbox.run(&["show", "last", "web", "dev"]));
    assert!(shown.contains("pay") && shown.contains("402"), "{shown}");
    let over = ["--override-check", "smoke", "--reason", "pay is down"];
    let done = sandbox.run(&[&PROMOTE[..], &over].concat());
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
}

#[test]
fn the_output_of_checks_is_kept_with_the_release_without_secrets() {
    let script = "echo paying with $LOGIN; exit 1";
    let sandbox = sandbox_with(
        script,
        "environment = { LOGIN = { command = [\"echo\", \"s3cret-w0rd-9\"] } }",
    );
    let failed = sandbox.run(&PROMOTE);
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let shown = words(&sandbox.run(&["show", "last", "web", "dev", "--logs"]));
    for text in ["output of the check smoke", "paying with (hidden)"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("s3cret-w0rd-9"), "{shown}");
    for file in files_below(&sandbox.place()) {
        // The configuration of this test contains the value, because a command prints it.
        let is_configuration = file.ends_with("greenroom.toml");
        let bytes = std::fs::read(&file).unwrap_or_default();
        let mut parts = bytes.windows(b"s3cret-w0rd-9".len());
        let has_value = parts.any(|part| part == b"s3cret-w0rd-9");
        assert!(!has_value || is_configuration, "{}", file.display());
    }
}

/// The regular files in a directory and in its subdirectories.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        Ok(kind) if kind.is_file() => vec![entry.path()],
        _ => Vec::new(),
    });
    files.collect()
}

#[test]
fn a_retried_check_says_at_which_attempt_it_passed() {
    let directory = tempfile::tempdir().expect("a directory");
    let tries = directory.path().join("tries");
    let tries = tries.display();
    let script =
        format!("echo x >> {tries}; [ $(wc -l < {tries}) -ge 2 ] || {{ echo no disk; exit 3; }}");
    let sandbox = sandbox_with(&script, "retries = 2");
    let done = sandbox.run(&PROMOTE);
    let said = words(&done);
    assert!(done.status.success(), "{said}");
    let attempts = "passed at attempt 2 of 3; attempt 1 failed: exit 3: no disk";
    assert!(said.contains(attempts), "{said}");
    assert!(said.contains("run again up to 2 times"), "{said}");
    for show in [
        &["show", "last", "web", "dev"][..],
        &["--json", "show", "last", "web", "dev"],
    ] {
        let shown = words(&sandbox.run(show));
        assert!(shown.contains(attempts), "{shown}");
    }
}

/// A directory with a program that says it is hurl: it prints its arguments, and reports a failed test.
fn stand_in_for_hurl() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("hurl");
    let script = "#!/bin/sh\necho \"$@\"\necho '<testsuite><testcase name=\"pay\"><failure message=\"402\"/></testcase></testsuite>' > \"$3\"\nexit 4\n";
    std::fs::write(&program, script).expect("written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("a program");
    directory
}

#[test]
fn a_hurl_file_is_run_for_the_candidate() {
    let sandbox = Sandbox::kept().up();
    let place = sandbox.place();
    let file = place.join("greenroom.toml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    let check = "\n[[services.web.checks]]\nname = \"smoke\"\nhurl = \"smoke.hurl\"\n";
    std::fs::write(&file, text + check).expect("written");
    let programs = stand_in_for_hurl();
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", programs.path().display());
    let failed = sandbox
        .command(&PROMOTE)
        .env("PATH", path)
        .output()
        .expect("it runs");
    let said = words(&failed);
    assert!(
        said.contains("smoke failed: 1 of 1 tests failed: pay"),
        "{said}"
    );
    let shown = words(&sandbox.run(&["show", "last", "web", "dev", "--logs"]));
    let hurl = place.join("smoke.hurl");
    for arguments in [
        "--test --report-junit /",
        "/report.xml --variable url=http://127.0.0.1:",
        &format!(" {}", hurl.display()),
    ] {
        assert!(shown.contains(arguments), "{arguments}: {shown}");
    }
}

#[test]
fn without_hurl_the_check_says_that_it_is_not_installed() {
    let sandbox = Sandbox::kept().up();
    let file = sandbox.place().join("greenroom.toml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    let check = "\n[[services.web.checks]]\nname = \"smoke\"\nhurl = \"smoke.hurl\"\n";
    std::fs::write(&file, text + check).expect("written");
    let programs = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink("/bin/cat", programs.path().join("cat")).expect("linked");
    let failed = sandbox
        .command(&PROMOTE)
        .env("PATH", programs.path())
        .output()
        .expect("it runs");
    let said = words(&failed);
    assert!(
        said.contains("exit 127: hurl is not installed on this machine"),
        "{said}"
    );
}

#[test]
fn backing_out_cancels_a_command_and_a_killed_driver_leaves_none() {
    let mark = "86403.25";
    let sandbox = sandbox_with(&format!("sleep {mark}"), "");
    for signal in [Signal::INT, Signal::KILL] {
        let mut promote = sandbox.command(&PROMOTE);
        let mut driver = promote.spawn().expect("it starts");
        until("the command runs", SOON, || {
            !processes_with(mark).is_empty()
        });
        let pid = rustix::process::Pid::from_child(&driver);
        rustix::process::kill_process(pid, signal).expect("signalled");
        driver.wait().expect("it ends");
        until("nothing runs", SOON, || processes_with(mark).is_empty());
        if signal == Signal::KILL {
            let resume = [
                "resume",
                "web",
                "dev",
                "--back-out",
                "--take-over",
                "--reason",
                "it died",
                "--yes",
            ];
            until("it is backed out", SOON, || {
                sandbox.run(&resume).status.success()
            });
        }
        assert_eq!(sandbox.live("web", "dev"), "1.9.0");
    }
}
