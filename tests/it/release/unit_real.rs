//! The agent's unit for systemd names all directories that a release writes to: a release works although the rest of the
//! test's directory is read-only.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use greenroom::inventory::Role;

use super::command_line::{err, greenroom, out, run};
use super::fixture::{Fixture, FixtureOptions};

/// Makes the directory `$1` read-only for this process, except for those that follow it up to `--`, and runs the rest.
const READ_ONLY: &str = r#"
set -e
mount --make-rprivate /
whole=$1; shift
mount --bind "$whole" "$whole"
while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done
shift
mount -o remount,bind,ro "$whole"
exec "$@"
"#;

/// The directories below `whole` that the unit lets the agent write to.
async fn writable(fixture: &Fixture, whole: &Path) -> Vec<PathBuf> {
    let unit = out(&run(fixture, &["agent", "--print-unit"]).await);
    let lines = unit
        .lines()
        .filter_map(|line| line.strip_prefix("ReadWritePaths="));
    let words = lines.flat_map(str::split_whitespace);
    let paths = words.map(|word| PathBuf::from(word.trim_start_matches('-')));
    paths.filter(|path| path.starts_with(whole)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_writes_only_where_the_unit_allows() {
    let mut fixture = Fixture::new(FixtureOptions::default()).await;
    let whole = fixture.place.path().to_owned();
    let archive = whole.join("history/archive.db");
    std::fs::create_dir(whole.join("history")).expect("a directory");
    let old = whole.join("archive.db").display().to_string();
    fixture
        .rebuild(|text| text.replace(&old, &archive.display().to_string()))
        .await;
    let fixture = fixture.with("1.8.2").await;
    let named = writable(&fixture, &whole).await;
    assert!(!named.contains(&whole), "{named:?}");
    // The unit's own state directory, and the default directories of nginx.
    let own = [whole.join("greenroom"), whole.join("run")];
    std::fs::create_dir_all(&own[0]).expect("a directory");

    let service = fixture.target.service.to_string();
    let promote = greenroom(
        &fixture,
        &[
            "promote",
            &service,
            "production",
            "--yes",
            "--version",
            "1.9.0",
        ],
    );
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", READ_ONLY, "sh"])
        .arg(&whole)
        .args(named.iter().chain(&own))
        .arg("--")
        .arg(promote.get_program())
        .args(promote.get_args())
        .env("XDG_STATE_HOME", &whole)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let output = output.await.expect("it ends");
    assert!(output.status.success(), "{}{}", out(&output), err(&output));
    fixture.stands("1.9.0", Role::Stopped).await;
    let history = out(&run(&fixture, &["history", "--offline"]).await);
    assert!(history.contains("1.9.0"), "{history}");
}
