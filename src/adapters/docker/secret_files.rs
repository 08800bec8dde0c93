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

use super::tar;
use crate::inventory::ContainerOptions;

const DIRECTORY: &str = "/run/secrets";
/// As in Compose, the files belong to root and every user of the container can read them.
const MODE: u32 = 0o444;

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
        let entry = tar::Entry::File(secret.expose_secret().as_bytes());
        tar::append(&mut archive, name, MODE, &entry);
    }
    tar::end(&mut archive);
    let options = UploadToContainerOptions {
        path: DIRECTORY.to_owned(),
        ..Default::default()
    };
    (options, archive)
}

#[cfg(test)]
mod tests {
    use super::*;

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
