//! Checks names that become part of a request's path. `bollard` escapes nothing, so only names that cannot change a
//! path are accepted.

use crate::inventory::{InstanceId, Version};

/// The id, if it is a full container id.
pub(super) fn container_id(instance: &InstanceId) -> Option<&str> {
    let id = instance.0.as_str();
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (id.len() == 64 && id.bytes().all(hex)).then_some(id)
}

/// Whether the name has only characters that Docker allows in a container name, and at most 200 of them.
pub(super) fn is_container_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let starts = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    starts && name.len() <= 200 && name.bytes().all(plain)
}

/// `repository@digest`, if the repository is valid.
pub(super) fn pinned(version: &Version) -> Option<String> {
    is_repository(&version.repository).then(|| version.pinned())
}

pub(super) fn is_repository(repository: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let (host, rest) = match repository.split_once('/') {
        Some((host, rest)) if host.contains(':') => (Some(host), rest),
        _ => (None, repository),
    };
    let host_is_plain = host
        .and_then(|h| h.rsplit_once(':'))
        .is_none_or(|(name, port)| {
            !name.is_empty()
                && name.bytes().all(|b| plain(b) || b"[]:".contains(&b))
                && port.parse::<u16>().is_ok()
        });
    let part_is_plain = |part: &str| {
        let starts = part
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        starts && part.bytes().all(plain)
    };
    host_is_plain && repository.len() <= 255 && rest.split('/').all(part_is_plain)
}

/// A repository as Docker shows it: without `docker.io/` and `library/`, the prefixes of Docker Hub.
pub(super) fn without_docker_hub(repository: &str) -> &str {
    let name = repository.strip_prefix("docker.io/").unwrap_or(repository);
    name.strip_prefix("library/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_change_a_path() {
        for good in [
            "web",
            "team/web",
            "registry.example/team/web",
            "127.0.0.1:5000/a/b",
            "[::1]:5000/a",
        ] {
            assert!(is_repository(good), "{good}");
        }
        for bad in [
            "", "..", "a/../b", "a//b", "a b", "a?b", "a#b", "a%2fb", ":1/a", "h:x/a", "a@b", "/a",
        ] {
            assert!(!is_repository(bad), "{bad}");
            assert!(!is_container_name(bad), "{bad}");
        }
        assert!(is_container_name("greenroom-web.production.blue"));
        assert!(container_id(&InstanceId("a".repeat(64))).is_some());
        for bad in [
            "",
            "..",
            "abc",
            &"A".repeat(64),
            &format!("{}/x", "a".repeat(62)),
        ] {
            assert!(container_id(&InstanceId(bad.to_owned())).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_default_registry_is_dropped() {
        for (name, other) in [
            ("docker.io/library/busybox", "busybox"),
            ("docker.io/team/web", "team/web"),
            (
                "registry.example:5000/team/web",
                "registry.example:5000/team/web",
            ),
        ] {
            assert_eq!(without_docker_hub(name), without_docker_hub(other));
        }
        assert_ne!(without_docker_hub("registry.example/web"), "web");
    }
}
