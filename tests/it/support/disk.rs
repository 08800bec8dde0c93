//! A small disk in memory, mounted by the test.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A separate disk on a directory; removed with the test.
pub(crate) struct Disk(PathBuf);

impl Disk {
    pub(crate) fn mounted(at: &Path, size: &str) -> Self {
        let options = format!("size={size},mode=1777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "greenroom-test"])
            .arg(at)
            .status();
        assert!(mounted.expect("mount runs").success(), "a mount, as root");
        Self(at.to_owned())
    }

    pub(crate) fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes all remaining space.
    pub(crate) fn fill(&self) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a file");
        for size in [64 * 1024, 4096, 1] {
            while file.write(&vec![0; size]).is_ok_and(|count| count == size) {}
        }
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("the ballast");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because a process may still be reading there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
