//! The inbox of the agent: where it listens, and who may report pushes.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::SecretSource;

/// The inbox, to which image registries and other senders report pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxConfig {
    pub listen: SocketAddr,
    /// The certificate for HTTPS; plain HTTP when absent.
    pub tls: Option<ServerTls>,
    /// The senders, by the name that ends the path of their requests: `/push/NAME`.
    pub senders: Vec<(String, SenderConfig)>,
}

/// The certificate of a server, as PEM files. Both are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate, followed by those of the authorities between it and the root.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// One sender of pushes, which sends its requests to the path `/push/NAME` of the inbox. It needs exactly one
/// credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderConfig {
    /// The format of the requests and of their credential.
    pub kind: SenderKind,
    /// The source of the token. `distribution` and `harbor` send `Authorization: Bearer TOKEN`, `gitlab` its secret
    /// token, and `docker-hub` the query `?token=TOKEN` of its address.
    #[serde(default)]
    pub token: Option<SecretSource>,
    /// The user of a login, for `distribution` and `harbor`.
    #[serde(default)]
    pub user: Option<String>,
    /// The source of the user's password.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// The source of the key with which `github`, `gitlab` (its signing token) and `signed` sign their requests. For
    /// `gitlab` and `signed`: `whsec_` and base64, or any text of at least 24 bytes.
    #[serde(default)]
    pub secret: Option<SecretSource>,
}

/// The format of a sender's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SenderKind {
    /// A webhook of Docker Hub.
    DockerHub,
    /// The notifications of the CNCF distribution registry. Self-managed GitLab and others use the same registry.
    Distribution,
    /// A webhook of GitHub for the events of packages.
    #[serde(rename = "github")]
    GitHub,
    /// A webhook of GitLab with a custom template, because GitLab has no event for images.
    #[serde(rename = "gitlab")]
    GitLab,
    /// A webhook of Harbor.
    Harbor,
    /// Greenroom's own form, signed as in Standard Webhooks, for everything else.
    Signed,
}

impl SenderKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DockerHub => "docker-hub",
            Self::Distribution => "distribution",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Harbor => "harbor",
            Self::Signed => "signed",
        }
    }

    /// The credentials with which a sender of this kind can prove who it is.
    pub fn credentials(self) -> &'static [CredentialKind] {
        match self {
            Self::DockerHub => &[CredentialKind::Token],
            Self::Distribution | Self::Harbor => &[CredentialKind::Token, CredentialKind::Login],
            Self::GitLab => &[CredentialKind::Secret, CredentialKind::Token],
            Self::GitHub | Self::Signed => &[CredentialKind::Secret],
        }
    }
}

/// The kind of a sender's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A token, which each request contains.
    Token,
    /// A user with a password, which each request contains.
    Login,
    /// A key, with which each request is signed.
    Secret,
}

impl CredentialKind {
    pub const ALL: [Self; 3] = [Self::Token, Self::Login, Self::Secret];

    /// The keys of the credential in the configuration.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Token => &["token"],
            Self::Login => &["user", "password"],
            Self::Secret => &["secret"],
        }
    }
}

/// A sender's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderCredential {
    Token(SecretSource),
    Login {
        user: String,
        password: SecretSource,
    },
    Secret(SecretSource),
}

impl SenderCredential {
    /// The source of the secret part.
    pub fn source(&self) -> &SecretSource {
        match self {
            Self::Token(source)
            | Self::Login {
                password: source, ..
            }
            | Self::Secret(source) => source,
        }
    }
}

impl SenderConfig {
    /// Whether any key of this credential is set.
    pub fn has(&self, kind: CredentialKind) -> bool {
        match kind {
            CredentialKind::Token => self.token.is_some(),
            CredentialKind::Login => self.user.is_some() || self.password.is_some(),
            CredentialKind::Secret => self.secret.is_some(),
        }
    }

    /// The credential; none if the sender has not exactly one, or one that its kind cannot use.
    pub fn credential(&self) -> Option<SenderCredential> {
        let mut set = CredentialKind::ALL.into_iter().filter(|it| self.has(*it));
        let (kind, None) = (set.next()?, set.next()) else {
            return None;
        };
        if !self.kind.credentials().contains(&kind) {
            return None;
        }
        match kind {
            CredentialKind::Token => self.token.clone().map(SenderCredential::Token),
            CredentialKind::Login => Some(SenderCredential::Login {
                user: self.user.clone()?,
                password: self.password.clone()?,
            }),
            CredentialKind::Secret => self.secret.clone().map(SenderCredential::Secret),
        }
    }
}
