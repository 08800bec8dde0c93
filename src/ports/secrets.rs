//! Where secrets are read at the moment they are needed, and the credentials of an image registry.

use async_trait::async_trait;
use secrecy::SecretString;

use super::Result;
use crate::inventory::SecretSource;

/// Reads secrets. A failure names the source and never the value.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The value as it is now; never empty.
    async fn read(&self, source: &SecretSource) -> Result<SecretString>;
}

/// Who one is to an image registry. `Debug` does not show the password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// Their password or access token.
    pub password: SecretString,
}
