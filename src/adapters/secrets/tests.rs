//! Tests of every kind of source and of its errors.

use secrecy::ExposeSecret;

use super::*;

async fn read(source: SecretSource) -> Result<String> {
    let secret = LocalSecrets::default().read(&source).await?;
    Ok(secret.expose_secret().to_owned())
}

fn command(argv: &[&str]) -> SecretSource {
    SecretSource::Command(argv.iter().map(|&a| a.to_owned()).collect())
}

#[tokio::test]
async fn the_secret_is_the_whole_text_without_one_final_newline() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for (written, secret) in [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        (" p w \n", " p w "),
        ("\nsecond\n", "\nsecond"),
        (
            "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n",
            "-----BEGIN KEY-----\nAAAA\n-----END KEY-----",
        ),
    ] {
        std::fs::write(file.path(), written).expect("written");
        let from_file = read(SecretSource::File(file.path().into())).await;
        assert_eq!(from_file.expect("a secret"), secret, "{written:?}");
        let from_command = read(command(&["printf", "%s", written])).await;
        assert_eq!(from_command.expect("a secret"), secret, "{written:?}");
    }
    let from_env = read(SecretSource::Env("PATH".into())).await;
    assert_eq!(from_env.ok(), std::env::var("PATH").ok());
}

#[tokio::test]
async fn a_text_that_cannot_be_a_whole_secret_is_refused() {
    let long = "x".repeat(64 * 1024 + 1);
    let file = tempfile::NamedTempFile::new().expect("a file");
    for (written, reason) in [
        (long.as_bytes(), "64 KiB"),
        (b"hunter\0two", "NUL"),
        (b"hunter\xff", "UTF-8"),
        (b"\n", "empty"),
    ] {
        std::fs::write(file.path(), written).expect("written");
        let failure = read(SecretSource::File(file.path().into())).await;
        let failure = failure.expect_err("refused");
        assert!(failure.message.contains(reason), "{failure}");
        assert_eq!(failure.kind, FailureKind::Garbled, "{failure}");
        assert!(!failure.to_string().contains("hunter"), "{failure}");
    }
    let endless = read(command(&["yes"])).await.expect_err("refused");
    assert!(endless.message.contains("64 KiB"), "{endless}");
    let empty = read(command(&["true"])).await.expect_err("refused");
    assert!(empty.to_string().contains("command true"), "{empty}");
}

#[tokio::test]
async fn a_command_is_not_given_to_a_shell() {
    let printed = read(command(&["echo", "$HOME; id"])).await;
    assert_eq!(printed.expect("a secret"), "$HOME; id");
}

#[tokio::test]
async fn a_missing_source_is_named() {
    let missing = [
        (
            SecretSource::Env("GREENROOM_NO_SUCH".into()),
            "GREENROOM_NO_SUCH",
        ),
        (SecretSource::File("/no/such/file".into()), "/no/such/file"),
        (command(&["/no/such/program"]), "/no/such/program"),
    ];
    for (source, named) in missing {
        let failure = read(source).await.expect_err("a failure");
        assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
        assert!(failure.to_string().contains(named), "{failure}");
    }
}

#[tokio::test]
async fn the_failure_of_a_command_does_not_show_its_output_or_arguments() {
    let failing = command(&["sh", "-c", "echo hunter2; echo hunter3 >&2; exit 3"]);
    let failure = read(failing).await.expect_err("a failure");
    assert!(
        !format!("{failure} {failure:?}").contains("hunter"),
        "{failure:?}"
    );
    assert!(failure.message.contains('3'), "{failure}");
}

#[tokio::test]
async fn a_hanging_command_is_aborted() {
    let secrets = hurried();
    let Err(failure) = secrets.read(&command(&["sleep", "60"])).await else {
        panic!("the command did not hang");
    };
    assert_eq!(failure.kind, FailureKind::Unreachable);
}

fn hurried() -> LocalSecrets {
    LocalSecrets {
        deadline: Duration::from_millis(300),
        ..LocalSecrets::default()
    }
}

/// A command that appends a line to `runs`, and then runs `rest` in a shell.
fn counted(runs: &std::path::Path, rest: &str) -> SecretSource {
    command(&[
        "sh",
        "-c",
        &format!("echo ran >> {}; {rest}", runs.display()),
    ])
}

fn runs(file: &std::path::Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn logins_that_share_a_command_run_it_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("runs");
    let source = counted(&file, "echo sesame");
    let secrets = LocalSecrets::default();
    let other = secrets.clone();
    let (first, second) = tokio::join!(secrets.kept(&source), other.kept(&source));
    for read in [first, second, secrets.kept(&source).await] {
        assert_eq!(read.expect("a secret").expose_secret(), "sesame");
    }
    assert_eq!(runs(&file), 1);
}

#[tokio::test]
async fn a_caller_that_stops_waiting_does_not_end_the_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, gate) = (directory.path().join("runs"), directory.path().join("gate"));
    let wait = format!(
        "until [ -e {} ]; do sleep 0.01; done; echo sesame",
        gate.display()
    );
    let source = counted(&file, &wait);
    let secrets = LocalSecrets::default();
    let given_up = timeout(Duration::from_millis(1), secrets.kept(&source)).await;
    assert!(given_up.is_err());
    std::fs::write(&gate, "").expect("written");
    let read = secrets.kept(&source).await.expect("a secret");
    assert_eq!((read.expose_secret(), runs(&file)), ("sesame", 1));
}

#[tokio::test]
async fn a_failed_command_is_not_run_again_immediately() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("runs");
    let source = counted(&file, "exit 1");
    let secrets = LocalSecrets::default();
    for _ in 0..3 {
        secrets.kept(&source).await.expect_err("a failure");
    }
    assert_eq!(runs(&file), 1);
}

#[tokio::test]
async fn all_processes_of_a_hanging_command_are_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pid");
    let line = format!("sleep 1000 & echo $! > {}; wait", file.display());
    let failure = hurried().kept(&command(&["sh", "-c", &line])).await;
    let failure = failure.expect_err("the command hangs");
    assert!(failure.message.contains("was killed"), "{failure}");
    let pid = std::fs::read_to_string(&file).expect("the command was started");
    let stat = format!("/proc/{}/stat", pid.trim());
    let is_running = || {
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        stat.contains("(sleep)") && !stat.contains(") Z ")
    };
    let until = Instant::now() + Duration::from_secs(10);
    while is_running() {
        assert!(
            Instant::now() < until,
            "the child of the command is still running"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_pipe_without_a_writer_times_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    let failure = hurried().read(&SecretSource::File(pipe)).await;
    assert_eq!(
        failure.err().map(|it| it.kind),
        Some(FailureKind::Unreachable)
    );
}

fn other(renewal: Renewal) -> SecretString {
    match renewal {
        Renewal::Other(secret) => secret,
        same => panic!("no other secret: {same:?}"),
    }
}

#[tokio::test]
async fn a_password_that_a_server_refused_is_read_again() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "old").expect("written");
    let source = SecretSource::File(file.path().into());
    let secrets = LocalSecrets {
        again_after: Duration::ZERO,
        ..LocalSecrets::default()
    };
    let old = secrets.kept(&source).await.expect("a secret");
    std::fs::write(file.path(), "new").expect("written");
    let kept = secrets.kept(&source).await.expect("a secret");
    assert_eq!(kept.expose_secret(), "old");
    let new = other(secrets.renewed(&source, &old).await);
    assert_eq!(new.expose_secret(), "new");
    let kept = secrets.kept(&source).await.expect("a secret");
    assert_eq!(kept.expose_secret(), "new");
    let again = secrets.renewed(&source, &new).await;
    assert!(matches!(again, Renewal::Same), "{again:?}");
}

#[tokio::test]
async fn a_caller_that_stops_waiting_does_not_end_the_repeated_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, gate) = (directory.path().join("runs"), directory.path().join("gate"));
    let line = format!(
        "if [ $(wc -l < {}) = 1 ]; then echo old; exit; fi; until [ -e {} ]; do sleep 0.01; done; echo new",
        file.display(),
        gate.display()
    );
    let source = counted(&file, &line);
    let secrets = LocalSecrets {
        again_after: Duration::ZERO,
        ..LocalSecrets::default()
    };
    let old = secrets.kept(&source).await.expect("a secret");
    let given_up = timeout(Duration::from_millis(1), secrets.renewed(&source, &old)).await;
    assert!(given_up.is_err());
    std::fs::write(&gate, "").expect("written");
    let new = other(secrets.renewed(&source, &old).await);
    assert_eq!((new.expose_secret(), runs(&file)), ("new", 2));
}

#[tokio::test]
async fn a_refused_password_is_not_read_again_immediately() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("runs");
    let source = counted(&file, "date +%N");
    let secrets = LocalSecrets::default();
    let refused = secrets.kept(&source).await.expect("a secret");
    let again = secrets.renewed(&source, &refused).await;
    assert!(matches!(again, Renewal::NotRead), "{again:?}");
    assert_eq!(runs(&file), 1);
}
