//! Names of hosts, as DNS and `/etc/hosts` resolve them.

use std::fmt;

/// The longest name, and the longest label of a name, in bytes (RFC 1035).
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// The name of a host in lower case, e.g. `web-1.internal`: labels of letters, digits and hyphens, as RFC 1123 defines
/// them. `_` is accepted too, because container networks use it in names. The last label is not a number, so no name can
/// be mistaken for an IP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// The error says what is wrong with the name.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.is_ascii() {
            return Err(
                "an international name is written in its ASCII form, such as xn--bcher-kva.example",
            );
        }
        if text.len() > LONGEST || !text.split('.').all(is_label) {
            return Err(
                "a host name has labels of A-Z, a-z, 0-9, - and _, separated by single dots",
            );
        }
        let name = text.to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        let hexadecimal = last.strip_prefix("0x");
        let is_hexadecimal =
            hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if is_hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("an IPv4 address has four numbers from 0 to 255, without leading zeros");
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !label.is_empty()
        && label.len() <= LONGEST_LABEL
        && label.bytes().all(is_plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}
