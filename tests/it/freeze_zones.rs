//! A freeze follows the clocks of its place. A variable that names a directory of time zones does
//! not move it.

use std::path::Path;
use std::process::Command;

use crate::support::json_lines::json_data;

const TEXT: &str = r#"
[environments.production]
tier = "protected"
docker = { address = "unix:///nowhere/docker.sock" }
sqlite = { path = "store.db" }
nginx = { answer = { listen = "127.0.0.1:8090" } }
[[environments.production.rules.freezes]]
name = "inventory"
zone = "Europe/Berlin"
every = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "16:00"
until = "16:01"
[services.web]
image = "web"
listen = { port = 8080 }
health = { path = "/health" }
[services.web.environments.production]
endpoints = { blue = "127.0.0.1:18101", green = "127.0.0.1:18102" }
proxy = { server_names = ["web.example"], listen = "0.0.0.0:80" }
"#;

/// A time zone that is always this many hours ahead of UTC, in the file format of the machine's
/// database (RFC 9636).
fn time_zone_file(hours: i32) -> Vec<u8> {
    let mut block = b"TZif2".to_vec();
    block.extend([0; 15]);
    // One type of local time, and four characters for its name; no transitions.
    for count in [0_u32, 0, 0, 0, 1, 4] {
        block.extend(count.to_be_bytes());
    }
    block.extend((hours * 60 * 60).to_be_bytes());
    block.extend([0, 0]);
    block.extend(b"XYZ\0");
    let footer = format!("\nXYZ-{hours}\n");
    [block.clone(), block, footer.into_bytes()].concat()
}

fn next_freeze(room: &Path, time_zones: Option<&Path>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .args(["--json", "--config"])
        .arg(room.join("greenroom.toml"))
        .arg("hold")
        .env("XDG_STATE_HOME", room)
        .env_remove("TZDIR");
    if let Some(directory) = time_zones {
        command.env("TZDIR", directory);
    }
    let output = command.output().expect("it runs");
    let next = json_data(&output)["targets"][0]["next_freeze"].take();
    let said = String::from_utf8_lossy(&output.stderr);
    let next = next.as_str();
    next.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn a_directory_of_other_time_zones_does_not_move_a_freeze() {
    let room = tempfile::tempdir().expect("a directory");
    std::fs::write(room.path().join("greenroom.toml"), TEXT).expect("written");
    let planted = room.path().join("zones");
    std::fs::create_dir_all(planted.join("Europe")).expect("made");
    std::fs::write(planted.join("Europe/Berlin"), time_zone_file(14)).expect("written");
    let empty = room.path().join("empty");
    std::fs::create_dir(&empty).expect("made");
    for time_zones in [None, Some(&*planted), Some(&*empty)] {
        let next = next_freeze(room.path(), time_zones);
        // In summer and in winter.
        let is_berlin = ["T14:00:00Z", "T15:00:00Z"]
            .iter()
            .any(|at| next.ends_with(at));
        assert!(is_berlin, "{time_zones:?}: {next}");
    }
}

#[test]
fn the_planted_time_zone_file_is_valid() {
    let zone = jiff::tz::TimeZone::tzif("Europe/Berlin", &time_zone_file(14)).expect("a zone");
    let summer = "2099-07-01T00:00:00Z".parse().expect("a moment");
    assert_eq!(zone.to_offset(summer).seconds(), 14 * 60 * 60);
}
