//! The place for the JUnit report of a check in a container.
//!
//! It is a directory that every user of the container may write to, in an anonymous volume, which is removed with the
//! container. A file can be read from a volume after the command has ended, also if the root file system is read-only.

use bollard::models::{Mount, MountType};
use bollard::query_parameters::UploadToContainerOptions;

use super::tar;

/// Where the volume is mounted.
const VOLUME: &str = "/run/greenroom";
const DIRECTORY: &str = "report";
/// The path of the report in the container.
pub(super) const FILE: &str = "/run/greenroom/report/report.xml";

pub(super) fn volume() -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        target: Some(VOLUME.to_owned()),
        ..Default::default()
    }
}

/// The upload that creates the directory.
pub(super) fn upload() -> (UploadToContainerOptions, Vec<u8>) {
    let mut archive = Vec::new();
    tar::append(&mut archive, DIRECTORY, 0o1777, &tar::Entry::Directory);
    tar::end(&mut archive);
    let options = UploadToContainerOptions {
        path: VOLUME.to_owned(),
        ..Default::default()
    };
    (options, archive)
}
