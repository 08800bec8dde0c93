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

/// The registry that a repository lives in, e.g. `registry.example:5000` of
/// `registry.example:5000/team/web`; `docker.io` for one that names none. The rule is the one of
/// container engines: a first part with a dot or a colon, or `localhost`, is a host.
pub fn registry_host(repository: &str) -> &str {
    match repository.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_of_a_repository_is_found_as_engines_find_it() {
        for (repository, host) in [
            ("registry.example/team/web", "registry.example"),
            ("127.0.0.1:5000/web", "127.0.0.1:5000"),
            ("localhost/web", "localhost"),
            ("team/web", "docker.io"),
            ("web", "docker.io"),
        ] {
            assert_eq!(registry_host(repository), host);
        }
    }
}
