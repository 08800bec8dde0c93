//! A PostgreSQL of the test's own, reached through a socket.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::unistd::User;
use tempfile::TempDir;

use crate::support::eventually;

/// The role and the database that every client uses.
pub(super) const ROLE: &str = "greenroom";
pub(super) const DATABASE: &str = "postgres";

pub(super) struct Database {
    place: TempDir,
    server: Child,
}

impl Database {
    pub(super) async fn start() -> Self {
        let place = tempfile::Builder::new()
            .prefix("greenroom-postgres")
            .tempdir()
            .expect("a directory");
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        if let Some(user) = other_user() {
            let (user, group) = (user.uid.as_raw(), user.gid.as_raw());
            chown(place.path(), Some(user), Some(group)).expect("another owner");
        }
        let data = place.path().join("data");
        let created = program("initdb", place.path())
            .args(["--no-sync", "--no-locale", "--encoding=UTF8"])
            .args(["--auth=trust", "--username", ROLE, "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb");
        let said = String::from_utf8_lossy(&created.stderr);
        assert!(created.status.success(), "{said}");
        let server = program("postgres", place.path())
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(place.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(place.path().join("log")).expect("a file"))
            .spawn()
            .expect("postgres");
        let database = Self { place, server };
        eventually("PostgreSQL answers", Duration::from_secs(30), || async {
            database.psql("SELECT 1").is_ok()
        })
        .await;
        database
    }

    /// The directory of its socket.
    pub(super) fn directory(&self) -> &Path {
        self.place.path()
    }

    /// Runs a statement; returns its rows, one a line.
    pub(super) fn query(&self, sql: &str) -> String {
        self.psql(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn psql(&self, sql: &str) -> Result<String, String> {
        let done = Command::new(programs().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-U", ROLE, "-d", DATABASE, "-c", sql, "-h"])
            .arg(self.directory())
            .output()
            .expect("psql");
        if done.status.success() {
            Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&done.stderr).into_owned())
        }
    }
}

impl Drop for Database {
    /// Stops it at once, also when the test has failed: its data is not needed again.
    fn drop(&mut self) {
        let pid = self.server.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.server.wait();
    }
}

/// The directory of the newest installed version's programs.
fn programs() -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    installed
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(version)
        .expect("PostgreSQL is installed")
        .join("bin")
}

/// PostgreSQL refuses to run as root. Its Debian package has a user for it.
fn other_user() -> Option<User> {
    let is_root = rustix::process::geteuid().is_root();
    is_root.then(|| {
        let user = User::from_name("postgres").expect("the users");
        user.expect("the user of Debian's package")
    })
}

fn program(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(programs().join(name));
    command.current_dir(directory);
    if let Some(user) = other_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}
