//! Secrets, read from the sources that the configuration names, and the credentials of a login. [`Secrets::read`] reads
//! the source at each call. [`Secrets::kept`] reads the source when the secret is first needed, and keeps the value in
//! memory.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::{Failure, FailureKind, Result};
use crate::inventory::{Digest, SecretSource};

/// Reads secrets. A failure names the source and never the value.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Reads the current value, which is never empty.
    async fn read(&self, source: &SecretSource) -> Result<SecretString>;

    /// Returns a value that stays in memory. The first call reads the source; later calls return the value from memory.
    /// Concurrent callers share one read, which continues even if a caller stops waiting. The default implementation
    /// reads the source at each call.
    async fn kept(&self, source: &SecretSource) -> Result<SecretString> {
        self.read(source).await
    }

    /// The values of a source that this process has read and still remembers.
    fn known(&self, source: &SecretSource) -> Vec<SecretString> {
        let _ = source;
        Vec::new()
    }

    /// The number of times that this process has learned another value of a source. While the number is unchanged,
    /// [`Secrets::known`] returns the same values. The call costs no more than reading a number.
    fn learned(&self) -> u64 {
        0
    }

    /// Reads the source again after a server refused the value `refused`.
    async fn renewed(&self, source: &SecretSource, refused: &SecretString) -> Renewal {
        let _ = (source, refused);
        Renewal::NotRead
    }
}

/// What another read of a source brought.
#[derive(Debug, Clone)]
pub enum Renewal {
    /// Another value than the refused one. It may be known from an earlier read.
    Other(SecretString),
    /// The source was read, and has the refused value or none.
    Same,
    /// The source was not read, because it cannot change or was read only a moment ago.
    NotRead,
}

/// The password of a login.
#[derive(Clone)]
pub struct Password(Origin);

#[derive(Clone)]
enum Origin {
    Given(SecretString),
    ReadOnUse {
        secrets: Arc<dyn Secrets>,
        source: SecretSource,
        setting: String,
    },
}

impl Password {
    /// A password that is read when it is first needed. `setting` names where it is configured:
    /// `environments.qa.etcd.password (greenroom.toml:12:14)`.
    pub fn read_on_use(secrets: Arc<dyn Secrets>, source: SecretSource, setting: String) -> Self {
        Self(Origin::ReadOnUse {
            secrets,
            source,
            setting,
        })
    }

    /// The password, read from its source if necessary. A failure names the setting. The kind of the failure is
    /// `Unreachable`, because the call that needs the password was not sent.
    pub async fn value(&self) -> Result<SecretString> {
        match &self.0 {
            Origin::Given(value) => Ok(value.clone()),
            Origin::ReadOnUse {
                secrets,
                source,
                setting,
            } => secrets.kept(source).await.map_err(|failure| {
                let message = format!(
                    "the password {setting} cannot be read: {}: {}",
                    failure.target, failure.message
                );
                let doing = "reading the password";
                Failure::new(FailureKind::Unreachable, failure.target, doing, message)
                    .hint(failure.hint)
            }),
        }
    }

    /// The setting that names the source of the password; none if the password does not come from a setting.
    pub fn setting(&self) -> Option<&str> {
        match &self.0 {
            Origin::Given(_) => None,
            Origin::ReadOnUse { setting, .. } => Some(setting),
        }
    }

    /// Another password than the refused one; none if there is no other.
    pub async fn renewed(&self, refused: &SecretString) -> Option<SecretString> {
        match &self.0 {
            Origin::Given(_) => None,
            Origin::ReadOnUse {
                secrets, source, ..
            } => match secrets.renewed(source, refused).await {
                Renewal::Other(password) => Some(password),
                Renewal::Same | Renewal::NotRead => None,
            },
        }
    }
}

impl From<SecretString> for Password {
    fn from(value: SecretString) -> Self {
        Self(Origin::Given(value))
    }
}

impl From<&str> for Password {
    fn from(value: &str) -> Self {
        Self(Origin::Given(value.into()))
    }
}

impl From<String> for Password {
    fn from(value: String) -> Self {
        Self(Origin::Given(value.into()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Origin::Given(_) => "Password(given)",
            Origin::ReadOnUse { setting, .. } => return write!(f, "Password({setting})"),
        })
    }
}

/// Whether two secrets are equal. The time that the comparison takes does not tell where they differ, because their
/// hashes are compared.
pub fn same_secret(left: &SecretString, right: &SecretString) -> bool {
    let hash = |secret: &SecretString| Digest::of(secret.expose_secret().as_bytes());
    hash(left) == hash(right)
}

/// The user and password of a login. `Debug` does not show the password.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub user: String,
    /// The user's password or access token.
    pub password: Password,
}
