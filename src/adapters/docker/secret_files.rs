//! The secrets of a container as files in `/run/secrets`.
//!
//! The directory is an anonymous volume of the container. Docker allows uploads into a volume even if the root file
//! system of the container is read-only. A volume keeps its files when the container or Docker is restarted, and it is
//! removed with the container. A `tmpfs` would be empty after each restart, and it cannot be filled before the start.
//! On the host, the files are only in Docker's own directory, like the environment variables of the container.
//!
//! The files are written right before the first start. So no container starts without its secrets, even if the driver
//! was killed after it had created the container.

use std::collections::BTreeMap;

use bollard::models::{Mount, MountType, MountVolumeOptions};
use bollard::query_parameters::UploadToContainerOptions;
use secrecy::{ExposeSecret, SecretString};

use crate::inventory::ContainerOptions;

const DIRECTORY: &str = "/run/secrets";

/// The size of a block of a tar archive.
const BLOCK: usize = 512;

/// The volume for the files; none for a container without secrets.
pub(super) fn volume(options: &ContainerOptions) -> Option<Mount> {
    (!options.secrets.is_empty()).then(|| Mount {
        typ: Some(MountType::VOLUME),
        target: Some(DIRECTORY.to_owned()),
        volume_options: Some(MountVolumeOptions {
            // Files of the image in this directory are not secrets of the container.
            no_copy: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// The upload that writes the files.
pub(super) fn upload(files: &BTreeMap<&str, SecretString>) -> (UploadToContainerOptions, Vec<u8>) {
    let mut archive = Vec::new();
    for (name, secret) in files {
        append(&mut archive, name, secret.expose_secret().as_bytes());
    }
    archive.extend([0; 2 * BLOCK]);
    let options = UploadToContainerOptions {
        path: DIRECTORY.to_owned(),
        ..Default::default()
    };
    (options, archive)
}

/// Adds a file to a tar archive (ustar). As in Compose, it belongs to root and every user of the container can read it.
fn append(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut header = [0_u8; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000444");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", content.len()));
    put(136, "00000000000");
    // The checksum counts its own field as spaces.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(header);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_padded_to_whole_blocks() {
        let mut archive = Vec::new();
        append(&mut archive, "db_password", b"hunter2");
        append(&mut archive, "key", &[b'x'; BLOCK]);
        assert_eq!(archive.len(), 4 * BLOCK);
        assert!(archive.starts_with(b"db_password\0"));
        assert_eq!(&archive[124..136], b"00000000007\0");
        assert_eq!(&archive[BLOCK..BLOCK + 8], b"hunter2\0");
        assert!(archive[2 * BLOCK..].starts_with(b"key\0"));
    }

    #[test]
    fn only_a_container_with_secrets_has_the_volume() {
        assert_eq!(volume(&ContainerOptions::default()), None);
        let options = serde_json::json!({ "secrets": { "key": { "env": "KEY" } } });
        let options: ContainerOptions = serde_json::from_value(options).expect("options");
        let volume = volume(&options).expect("a volume");
        assert_eq!(
            volume.source, None,
            "an anonymous volume is removed with its container"
        );
        assert_eq!(volume.target.as_deref(), Some("/run/secrets"));
    }
}
