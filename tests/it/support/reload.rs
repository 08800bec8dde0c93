//! Reloading a test's nginx by hand.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::eventually;

/// The process numbers of the workers of the nginx whose `nginx.pid` is in this directory.
pub(crate) fn nginx_workers(place: &Path) -> Vec<String> {
    let master = fs::read_to_string(place.join("nginx.pid")).expect("its process number");
    let master = master.trim();
    let children = format!("/proc/{master}/task/{master}/children");
    let workers = fs::read_to_string(children).expect("its workers");
    workers.split_whitespace().map(str::to_owned).collect()
}

/// Reloads the nginx whose `nginx.conf` and `nginx.pid` are in this directory, and waits until the old workers have
/// ended. Until then, a new connection may still be answered with the old configuration.
pub(crate) async fn reload_nginx(place: &Path) {
    let old = nginx_workers(place);
    let reloaded = Command::new("nginx")
        .arg("-p")
        .arg(place)
        .arg("-c")
        .arg(place.join("nginx.conf"))
        .args(["-s", "reload"])
        .status();
    assert!(reloaded.is_ok_and(|status| status.success()));
    eventually("nginx has reloaded", Duration::from_secs(10), || async {
        let running = nginx_workers(place);
        !running.is_empty() && !running.iter().any(|worker| old.contains(worker))
    })
    .await;
}
