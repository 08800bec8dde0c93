//! One entry of an allow list: a single address or a network.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One address or one network, written `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`. An IPv4 address in IPv6 form is
/// treated as the IPv4 address. A network in IPv6 form never contains an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange {
    network: IpAddr,
    bits: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address or a network: write {instead}")]
pub struct InvalidRange {
    text: String,
    instead: String,
}

impl AddressRange {
    pub fn contains(&self, address: IpAddr) -> bool {
        network(address.to_canonical(), self.bits) == Some(self.network)
    }
}

/// The address with all bits after the first `bits` cleared; none if the address has fewer than `bits` bits.
fn network(address: IpAddr, bits: u8) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => {
            let cleared = u32::MAX.checked_shl(32_u32.checked_sub(bits.into())?);
            std::net::Ipv4Addr::from(u32::from(address) & cleared.unwrap_or(0)).into()
        }
        IpAddr::V6(address) => {
            let cleared = u128::MAX.checked_shl(128_u32.checked_sub(bits.into())?);
            Ipv6Addr::from(u128::from(address) & cleared.unwrap_or(0)).into()
        }
    })
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let wrong = |instead: &str| InvalidRange {
            text: text.to_owned(),
            instead: instead.to_owned(),
        };
        let examples = "192.0.2.7, 10.0.0.0/8 or 2001:db8::/32";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong(examples))?;
        let address = match bits {
            None => address.to_canonical(),
            Some(_) => address,
        };
        let full_length = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            // Only digits are accepted, because `parse` would also accept `+8`.
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => {
                bits.parse().map_err(|_| wrong(examples))?
            }
            Some(_) => return Err(wrong(examples)),
            None => full_length,
        };
        let network = network(address, bits).ok_or_else(|| wrong(examples))?;
        if network != address {
            return Err(wrong(&format!("{network}/{bits}")));
        }
        Ok(Self { network, bits })
    }
}

impl TryFrom<String> for AddressRange {
    type Error = InvalidRange;

    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full_length = if self.network.is_ipv4() { 32 } else { 128 };
        if self.bits == full_length {
            write!(f, "{}", self.network)
        } else {
            write!(f, "{}/{}", self.network, self.bits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().expect("a range")
    }

    #[test]
    fn a_range_contains_its_addresses_and_no_others() {
        for (text, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"),
            ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "203.0.113.1", "::1"),
            ("::/0", "2001:db8::1", "203.0.113.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ] {
            let range = range(text);
            assert!(
                range.contains(inside.parse().expect("an address")),
                "{text}"
            );
            assert!(
                !range.contains(outside.parse().expect("an address")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_range_is_written_as_it_is_read() {
        for text in [
            "192.0.2.7",
            "10.0.0.0/8",
            "2001:db8::/32",
            "::1",
            "0.0.0.0/0",
        ] {
            assert_eq!(range(text).to_string(), text);
        }
    }

    #[test]
    fn an_invalid_range_is_refused_with_examples() {
        for bad in [
            "",
            "all",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0",
            "::1/129",
            "a;b",
        ] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
        let failure = "10.1.2.3/8"
            .parse::<AddressRange>()
            .expect_err("more than a network");
        assert!(
            failure.to_string().ends_with("write 10.0.0.0/8"),
            "{failure}"
        );
    }
}
