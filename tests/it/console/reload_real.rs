//! The real binary in a pseudo-terminal while another process edits its configuration.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::support::eventually;
use crate::support::pty::Pty;

const SOON: Duration = Duration::from_secs(20);
const RELOAD: &str = "\u{12}";
const TEXT: &str = include_str!("../../../fixtures/settings/valid/sandbox.toml");

/// The same configuration with one more environment.
fn with_qa() -> String {
    let (qa, places) = ("[environments.qa]\ntier = \"staging\"\n", "state/qa");
    format!(
        "{TEXT}\n{qa}runtime = \"process\"\nstore = \"sqlite\"\nproxy = \"embedded\"\n\
         process = {{ state = \"{places}/processes\", catalogue = \"state/catalogue.json\" }}\n\
         sqlite = {{ path = \"state/greenroom.db\" }}\n\
         embedded = {{ answer = \"127.0.0.1:8190\", state = \"{places}/proxy\" }}\n\
         [services.web.environments.qa]\n\
         endpoints = {{ blue = \"127.0.0.1:18181\", green = \"127.0.0.1:18182\" }}\n\
         [services.web.environments.qa.proxy]\n\
         server_names = [\"localhost\"]\nlisten = \"127.0.0.1:8180\"\npreview_listen = \"127.0.0.1:8181\"\n"
    )
}

fn open(text: &str) -> (Pty, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("greenroom.toml");
    let state = home.path().join("state");
    fs::create_dir(&state).expect("a directory");
    fs::write(state.join("catalogue.json"), "[]").expect("a catalogue");
    fs::write(&file, text).expect("settings");
    let house = home.path().to_str().expect("a path").to_owned();
    let variables = [("HOME", house.as_str()), ("LC_ALL", "C.UTF-8")];
    let file = file.to_str().expect("a path");
    let pty = Pty::greenroom(&["--config", file], &variables, (118, 34));
    pty.wait_for_text("web/dev: empty", SOON);
    (pty, home)
}

/// The consoles that announce their presence.
fn present(home: &Path) -> usize {
    let file = home.join("state/greenroom.db");
    // The test does not create this directory: the console creates it for its user only.
    let Ok(store) = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return 0;
    };
    let sql = "SELECT count(DISTINCT lease) FROM pairs WHERE key GLOB 'targets/*/watching/*'";
    let count = store.query_row(sql, [], |row| row.get::<_, i64>(0));
    usize::try_from(count.unwrap_or(0)).expect("a count")
}

#[tokio::test]
async fn an_added_environment_appears_after_a_reload() {
    let (mut pty, home) = open(TEXT);
    eventually("the console is seen", SOON, || async {
        present(home.path()) == 1
    })
    .await;
    // Another pane gets the focus, to check that it has the focus again afterwards.
    pty.keys("2");
    fs::write(home.path().join("greenroom.toml"), with_qa()).expect("written");
    pty.wait_for_text("greenroom.toml changed on disk", SOON);
    pty.keys(RELOAD);
    pty.wait_for_text("+ environments.qa.tier = \"staging\"", SOON);
    pty.wait_for_text("1 of 1 targets is affected: web/qa", SOON);
    pty.keys("j\r");
    pty.wait_for_text("greenroom.toml was reloaded", SOON);
    pty.wait_for_text("web/dev: empty", SOON);
    pty.wait_for("the new environment", SOON, |screen| {
        let text = screen.contents();
        text.contains("qa") && !text.contains("environments.qa")
    });
    // The old console no longer announces its presence.
    eventually("only the new console is seen", SOON, || async {
        present(home.path()) == 1
    })
    .await;
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0, "{}", pty.screen());
    assert_eq!(present(home.path()), 0);
}

#[test]
fn a_broken_configuration_is_reported_with_its_line() {
    let (mut pty, home) = open(TEXT);
    let broken = TEXT.replace("image = \"sample\"", "imag = \"sample\"");
    let file = home.path().join("greenroom.toml");
    fs::write(&file, broken).expect("written");
    pty.wait_for_text("greenroom.toml changed on disk", SOON);
    pty.keys(RELOAD);
    pty.wait_for_text("unknown key `imag`", SOON);
    pty.wait_for_text("greenroom.toml:11", SOON);
    pty.keys("\u{1b}");
    pty.wait_for_text("web/dev: empty", SOON);
    fs::write(&file, TEXT).expect("written");
    pty.wait_for("nothing to reload", SOON, |screen| {
        !screen.contents().contains("Ctrl-R reload") && !screen.contents().contains("has errors")
    });
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0, "{}", pty.screen());
}
