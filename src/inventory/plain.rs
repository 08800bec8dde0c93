//! Checks for texts that are written into files or commands of other programs without quoting: paths, server names, key
//! prefixes and host addresses. The settings and the adapters use the same checks, so both refuse the same texts.

use std::path::Path;

use super::Address;

/// Whether a path is absolute, has no `..` and needs no quoting.
pub fn is_path(path: &Path) -> bool {
    let Some(text) = path.to_str() else {
        return false;
    };
    text.starts_with('/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        && !text.split('/').any(|part| part == "..")
}

/// Whether a text consists of letters, digits, `.`, `-` and `_`. As in nginx, the first and the last label may also be
/// `*`.
pub fn is_server_name(name: &str) -> bool {
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let plain = plain.strip_suffix(".*").unwrap_or(plain);
    !plain.is_empty()
        && name.len() <= 253
        && plain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether a text is a prefix of store keys, such as `/greenroom/v1`: it starts with a slash, does not end with one,
/// and needs no quoting.
pub fn is_key_prefix(text: &str) -> bool {
    text.len() > 1
        && text.starts_with('/')
        && !text.ends_with('/')
        && !text.contains("//")
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/-._".contains(c))
}

/// Whether a text is a host and a port, such as `docker.example:2376` or `[::1]:2376`.
pub fn is_host_and_port(text: &str) -> bool {
    let address = text.parse::<Address>();
    !text.contains("://") && address.is_ok_and(|address| address.port().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_could_end_a_directive_is_not_a_server_name() {
        for good in ["shop.example.com", "*.example.com", "www.*", "_", ".a.b"] {
            assert!(is_server_name(good), "{good}");
        }
        for bad in [
            "", "a b", "a;", "a{", "a}b", "$host", "a\n", "\"a\"", "~^a$", "*", "a#b", "a\\", "a*b",
        ] {
            assert!(!is_server_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_path_that_needs_quoting_is_not_plain() {
        assert!(is_path(Path::new("/var/lib/green-room_1.2")));
        for bad in ["", "a", "/a b", "/a;", "/a/../b", "/a\"", "/a$b", "/é"] {
            assert!(!is_path(Path::new(bad)), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_begins_with_a_slash_and_ends_without() {
        assert!(is_key_prefix("/greenroom/v1"));
        for bad in ["", "/", "a", "/a/", "/a//b", "/a b", "/a:b"] {
            assert!(!is_key_prefix(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for good in ["docker.example:2376", "my_host:1", "[::1]:65535"] {
            assert!(is_host_and_port(good), "{good}");
        }
        for bad in [
            "",
            "a",
            ":1",
            "a:",
            "a:0",
            "a:+1",
            "a:65536",
            "a/b:1",
            "a b:1",
            "http://a:1",
            "unix:/a",
        ] {
            assert!(!is_host_and_port(bad), "{bad}");
        }
    }
}
