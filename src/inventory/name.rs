//! The names of services, environments, tasks and edges, as an operator types them.
//!
//! Names become part of container names, etcd keys, file paths and nginx upstreams. So they contain only characters
//! that need no escaping in any of these.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest name, in bytes. A container name consists of two names and a slot, and must stay readable.
const LONGEST: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a name: use 1 to {LONGEST} lower-case letters, digits and single hyphens, starting and ending with a letter or digit"
)]
pub struct InvalidName {
    pub text: String,
}

fn checked(text: &str) -> Result<String, InvalidName> {
    let inner_ok = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let edges_ok = !text.starts_with('-') && !text.ends_with('-') && !text.contains("--");
    if inner_ok && edges_ok && !text.is_empty() && text.len() <= LONGEST {
        Ok(text.to_owned())
    } else {
        Err(InvalidName {
            text: text.to_owned(),
        })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("format" = "name"))]
        pub struct $type(String);

        impl $type {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                checked(text).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// One application that is released, e.g. `web`.
    ServiceName
}

name! {
    /// One task of a service, e.g. `migrate`.
    TaskName
}

name! {
    /// One environment, e.g. `dev`, `qa` or `production`.
    EnvironmentName
}

name! {
    /// One edge of a target, e.g. `west`.
    EdgeName
}

/// The name of the only edge of a target. Settings do not name edges.
impl Default for EdgeName {
    fn default() -> Self {
        Self("proxy".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_contain_only_characters_that_no_system_escapes() {
        for good in ["web", "web-2", "a", "0"] {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        for bad in [
            "", "-web", "web-", "we--b", "Web", "we b", "we/b", "..", "wéb", "a\n",
        ] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
        assert!("a".repeat(41).parse::<ServiceName>().is_err());
    }
}
