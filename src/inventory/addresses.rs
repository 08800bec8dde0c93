//! The members that a slot has, and the address of each of them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Address;

/// How many members a slot may have. More members of one version belong on several machines.
pub const MOST_MEMBERS: usize = 64;

/// The addresses of a slot's members, in their order. A slot has at least one member. The members of a background service have no
/// addresses, so only their number is kept. Written as one address, a list, a range of ports
/// (`127.0.0.1:18081-18083`), or a number. Cheap to clone, because the list is shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Addresses(Inner);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Inner {
    Listed(Arc<[Address]>),
    /// This many members without addresses.
    Counted(usize),
}

/// Why a value does not give the addresses of a slot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddresses {
    #[error("a slot needs at least one address")]
    Empty,
    #[error("a slot has at most {MOST_MEMBERS} addresses, and these are {0}")]
    TooMany(usize),
    #[error("the second port of the range is lower than the first")]
    Backwards,
    #[error(transparent)]
    Address(#[from] super::InvalidAddress),
}

impl Addresses {
    pub fn new(addresses: Vec<Address>) -> Result<Self, InvalidAddresses> {
        if addresses.is_empty() {
            return Err(InvalidAddresses::Empty);
        }
        if addresses.len() > MOST_MEMBERS {
            return Err(InvalidAddresses::TooMany(addresses.len()));
        }
        Ok(Self(Inner::Listed(addresses.into())))
    }

    /// Members without addresses. The count is limited to 1 to [`MOST_MEMBERS`].
    #[must_use]
    pub fn counted(members: usize) -> Self {
        Self(Inner::Counted(members.clamp(1, MOST_MEMBERS)))
    }

    /// Whether the members have no addresses, as those of a background service.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Inner::Counted(_))
    }

    /// Parses one address, or a range of ports.
    fn parse(text: &str) -> Result<Vec<Address>, InvalidAddresses> {
        let Some((first, last)) = range(text) else {
            return Ok(vec![text.parse()?]);
        };
        let (before, first) = first;
        if last < first {
            return Err(InvalidAddresses::Backwards);
        }
        let count = usize::from(last - first) + 1;
        if count > MOST_MEMBERS {
            return Err(InvalidAddresses::TooMany(count));
        }
        let addresses = (first..=last).map(|port| format!("{before}:{port}").parse());
        Ok(addresses.collect::<Result<_, _>>()?)
    }

    /// The address of the first member; none if the members have no addresses.
    pub fn first(&self) -> Option<&Address> {
        self.iter().next()
    }

    /// The address of a member; none if it has none, or if there are fewer members. Members count from 1.
    pub fn of_member(&self, number: usize) -> Option<&Address> {
        self.iter().nth(number.checked_sub(1)?)
    }

    /// How many members the slot has.
    pub fn members(&self) -> usize {
        match &self.0 {
            Inner::Listed(addresses) => addresses.len(),
            Inner::Counted(members) => *members,
        }
    }

    /// The addresses; none for members without addresses.
    pub fn iter(&self) -> std::slice::Iter<'_, Address> {
        match &self.0 {
            Inner::Listed(addresses) => addresses.iter(),
            Inner::Counted(_) => [].iter(),
        }
    }

    /// The last port, if the addresses differ only in their ports, and each port is one higher than the one before.
    fn last_port(&self) -> Option<u16> {
        let mut expected = self.first()?.clone();
        for address in self {
            if *address != expected {
                return None;
            }
            expected = expected.next_port()?;
        }
        self.iter().next_back()?.port()
    }

    /// The addresses as texts, separated by commas.
    pub fn listed(&self) -> String {
        let texts = self.iter().map(ToString::to_string);
        texts.collect::<Vec<_>>().join(",")
    }

    /// Where the members are reached, as the end of a sentence: ` at 127.0.0.1:18081`. Empty without addresses.
    pub fn at(&self) -> String {
        match self.0 {
            Inner::Listed(_) => format!(" at {self}"),
            Inner::Counted(_) => String::new(),
        }
    }

    /// Whether these addresses begin with the others. A slot whose version was released with fewer members uses only the
    /// first addresses.
    pub fn begin_with<'a>(&self, others: impl IntoIterator<Item = &'a Address>) -> bool {
        let mut own = self.iter();
        others.into_iter().all(|other| own.next() == Some(other))
    }

    /// The first `count` members; all of them if there are fewer.
    #[must_use]
    pub fn first_members(&self, count: usize) -> Self {
        let count = count.max(1);
        match &self.0 {
            _ if count >= self.members() => self.clone(),
            Inner::Listed(addresses) => Self(Inner::Listed(addresses[..count].into())),
            Inner::Counted(_) => Self::counted(count),
        }
    }
}

/// Splits `host:1-3` into `host`, 1 and 3. None if the text is no range of ports.
fn range(text: &str) -> Option<((&str, u16), u16)> {
    let (before, ports) = text.rsplit_once(':')?;
    let (first, last) = ports.split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    Some(((before, number(first)?), number(last)?))
}

impl FromStr for Addresses {
    type Err = InvalidAddresses;

    fn from_str(text: &str) -> Result<Self, InvalidAddresses> {
        Self::new(Self::parse(text)?)
    }
}

/// The one address of a slot with one member.
impl<T: Into<Address>> From<T> for Addresses {
    fn from(address: T) -> Self {
        Self(Inner::Listed(Arc::new([address.into()])))
    }
}

impl<'a> IntoIterator for &'a Addresses {
    type Item = &'a Address;
    type IntoIter = std::slice::Iter<'a, Address>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A range of ports if the addresses are one, otherwise the addresses, separated by commas. Members without addresses
/// are counted: `3 members`.
impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Inner::Counted(members) = self.0 {
            let plural = if members == 1 { "" } else { "s" };
            return write!(f, "{members} member{plural}");
        }
        if let (Some(first), Some(last), 2..) = (self.first(), self.last_port(), self.members()) {
            return write!(f, "{first}-{last}");
        }
        for (index, address) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{address}")?;
        }
        Ok(())
    }
}

/// A list of addresses, or the number of members without addresses.
impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Inner::Listed(_) => serializer.collect_seq(self),
            Inner::Counted(members) => members.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an address, or a list of addresses")]
        enum Written {
            One(String),
            Many(Vec<String>),
            Counted(usize),
        }
        let texts = match Written::deserialize(deserializer)? {
            Written::One(text) => vec![text],
            Written::Many(texts) => texts,
            Written::Counted(members @ 1..=MOST_MEMBERS) => {
                return Ok(Self::counted(members));
            }
            Written::Counted(members) => {
                return Err(serde::de::Error::custom(format!(
                    "a slot has 1 to {MOST_MEMBERS} members, and not {members}"
                )));
            }
        };
        let mut addresses = Vec::new();
        for text in &texts {
            addresses.extend(Self::parse(text).map_err(serde::de::Error::custom)?);
        }
        Self::new(addresses).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Addresses {
    fn schema_name() -> Cow<'static, str> {
        "Addresses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({
            "type": "string",
            "format": "addresses",
            "description": "An address, or a range of ports: `127.0.0.1:18081-18083`.",
        });
        json_schema!({
            "anyOf": [
                one,
                { "type": "array", "items": one, "minItems": 1, "maxItems": MOST_MEMBERS },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Addresses, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn one_address_a_list_and_a_range_are_read() {
        for (json, shown) in [
            (r#""127.0.0.1:18081""#, "127.0.0.1:18081"),
            (r#""127.0.0.1:18081-18083""#, "127.0.0.1:18081-18083"),
            (r#""[::1]:7-8""#, "[::1]:7-8"),
            (
                r#"["127.0.0.1:2", "127.0.0.1:1"]"#,
                "127.0.0.1:2, 127.0.0.1:1",
            ),
            (
                r#"["127.0.0.1:1-2", "unix:/run/a-1.sock"]"#,
                "127.0.0.1:1, 127.0.0.1:2, unix:/run/a-1.sock",
            ),
            (
                r#""unix:/run/web-1/blue-2.sock""#,
                "unix:/run/web-1/blue-2.sock",
            ),
        ] {
            let addresses = read(json).expect(json);
            assert_eq!(addresses.to_string(), shown);
            let written = serde_json::to_string(&addresses).expect("JSON");
            assert_eq!(read(&written).expect("read back"), addresses);
        }
    }

    #[test]
    fn a_wrong_list_or_range_is_refused() {
        for (json, why) in [
            ("[]", "at least one address"),
            (r#""127.0.0.1:3-2""#, "lower than the first"),
            (
                r#""127.0.0.1:1-65""#,
                "at most 64 addresses, and these are 65",
            ),
            (r#""127.0.0.1:0-2""#, "port 0"),
            (r#""127.0.0.1:65535-65536""#, "is not an address"),
            (r#""127.0.0.1:-2""#, "is not an address"),
            ("true", "an address, or a list of addresses"),
            ("0", "1 to 64 members"),
            ("65", "1 to 64 members"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(why), "{json}: {error}");
        }
    }

    #[test]
    fn a_slot_with_fewer_members_uses_the_first_addresses() {
        let all = read(r#""127.0.0.1:1-3""#).expect("addresses");
        let two = all.first_members(2);
        assert_eq!(two.members(), 2);
        assert!(all.begin_with(&two) && !two.begin_with(&all));
        let other = read(r#""127.0.0.1:2-3""#).expect("addresses");
        assert!(!all.begin_with(&other));
        assert_eq!(all.of_member(3), all.iter().next_back());
        assert_eq!((all.of_member(0), all.of_member(4)), (None, None));
    }

    #[test]
    fn members_without_addresses_are_counted() {
        let three = Addresses::counted(3);
        assert_eq!((three.members(), three.first()), (3, None));
        assert_eq!(three.to_string(), "3 members");
        assert_eq!(serde_json::to_string(&three).expect("JSON"), "3");
        assert_eq!(read("3").expect("read back"), three);
        assert_eq!(three.first_members(1), Addresses::counted(1));
        assert_eq!(three.first_members(9), three);
        assert_eq!(Addresses::counted(0).members(), 1);
    }
}
