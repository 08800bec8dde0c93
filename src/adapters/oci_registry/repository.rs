//! The address of a repository: the host on the network, and the name in paths and scopes. The grammar is from
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>, with the two shorthands
//! that Docker adds for Docker Hub.

use super::registry_host;

/// The name of Docker Hub in image names, and the host that serves its distribution API.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// The longest name, including the host, that Docker and registries accept.
const LONGEST_NAME: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// `host` or `host:port` to connect to.
    pub(super) host: String,
    /// The path below `/v2/`, e.g. `team/web`.
    pub(super) path: String,
}

impl Repository {
    /// Parses a name like `registry.example:5000/team/web`. The error quotes the name and gives an example.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let host = registry_host(name);
        let path = name
            .strip_prefix(host)
            .and_then(|rest| rest.strip_prefix('/'));
        let path = path.unwrap_or(name);
        let is_good =
            name.len() <= LONGEST_NAME && is_host(host) && path.split('/').all(is_component);
        if !is_good {
            return Err(format!(
                "{name:?} is not the name of an image repository: write e.g. registry.example/team/web"
            ));
        }
        let (hub, address) = DOCKER_HUB;
        let is_official = host == hub && !path.contains('/');
        Ok(Self {
            host: if host == hub { address } else { host }.to_owned(),
            path: if is_official {
                format!("library/{path}")
            } else {
                path.to_owned()
            },
        })
    }
}

fn is_host(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "443"));
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let is_name = match in_brackets {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(plain),
    };
    is_name && port.parse::<u16>().is_ok()
}

/// Whether the text has only lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_component(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(is_letter).filter(|between| !between.is_empty());
    text.starts_with(is_letter)
        && text.ends_with(is_letter)
        && separators
            .into_iter()
            .all(|it| matches!(it, "." | "_" | "__") || it.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_the_location_that_engines_use() {
        for (name, host, path) in [
            ("registry.example/team/web", "registry.example", "team/web"),
            ("127.0.0.1:5000/web", "127.0.0.1:5000", "web"),
            ("[::1]:5000/web", "[::1]:5000", "web"),
            ("localhost/web", "localhost", "web"),
            ("busybox", "registry-1.docker.io", "library/busybox"),
            ("team/web", "registry-1.docker.io", "team/web"),
            ("docker.io/team/web", "registry-1.docker.io", "team/web"),
            (
                "docker.io/busybox",
                "registry-1.docker.io",
                "library/busybox",
            ),
            ("r.example/a.b/c__d/e---f", "r.example", "a.b/c__d/e---f"),
        ] {
            let found = Repository::parse(name).expect(name);
            assert_eq!((found.host.as_str(), found.path.as_str()), (host, path));
        }
    }

    #[test]
    fn names_that_could_change_a_path_are_refused() {
        let long = format!("r.example/{}", "a".repeat(250));
        for name in [
            "",
            "..",
            "a/../b",
            "127.0.0.1:5000/../x y",
            "a//b",
            "/a",
            "a/",
            "a b",
            "a?b",
            "a#b",
            "a%2fb",
            "A/b",
            "r.example/B",
            "a@b",
            "a:b",
            "r:x/a",
            ":1/a",
            "r.example:99999/a",
            "u@r.example/a",
            "a_-b",
            "a..b",
            "a___b",
            "[x]:1/a",
            "é/a",
            &long,
        ] {
            assert!(Repository::parse(name).is_err(), "{name:?}");
        }
    }
}
