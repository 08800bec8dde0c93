//! How a request proves that a sender sent it. Every check takes the same time for a right and a wrong credential, and
//! nearly the same time for every kind: it hashes the whole content once and compares two hashes. So the time tells
//! no part of a credential.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::adapters::signing_key;
use crate::inventory::servers::{SenderCredential, SenderKind};
use crate::ports::{Result, same_secret};

/// The parts of a request that prove who sent it.
pub(super) struct Evidence<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
    pub(super) body: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// `Authorization: Bearer TOKEN`.
    Bearer,
    /// `Authorization: Basic BASE64`, with this user.
    Basic { user: String },
    /// The query `?token=TOKEN`, for senders that cannot send a header.
    Query,
    /// `X-Gitlab-Token: TOKEN`.
    GitLabToken,
    /// `X-Hub-Signature-256: sha256=HEX`, the HMAC of the content.
    HubSignature,
    /// The three headers of Standard Webhooks.
    StandardWebhook,
}

impl Proof {
    pub(super) fn of(kind: SenderKind, credential: &SenderCredential) -> Self {
        match (kind, credential) {
            (_, SenderCredential::Login { user, .. }) => Self::Basic { user: user.clone() },
            (SenderKind::DockerHub, SenderCredential::Token(_)) => Self::Query,
            (SenderKind::GitLab, SenderCredential::Token(_)) => Self::GitLabToken,
            (_, SenderCredential::Token(_)) => Self::Bearer,
            (SenderKind::GitHub, SenderCredential::Secret(_)) => Self::HubSignature,
            (_, SenderCredential::Secret(_)) => Self::StandardWebhook,
        }
    }

    /// Fails if the secret cannot be used for this proof.
    pub(super) fn check(&self, secret: &SecretString) -> Result<()> {
        match self {
            Self::StandardWebhook => signing_key::parse(secret).map(drop),
            _ => Ok(()),
        }
    }

    /// Whether the request proves that its sender knows the secret.
    pub(super) fn is_given(&self, secret: &SecretString, evidence: &Evidence<'_>) -> bool {
        let Evidence {
            headers,
            query,
            body,
        } = evidence;
        // Calculated for each proof, for the sake of the time.
        let has_hub_signature = has_hub_signature(secret, headers, body);
        let shown = match self {
            Self::HubSignature => return has_hub_signature,
            Self::StandardWebhook => {
                let key = signing_key::parse(secret);
                return key.is_ok_and(|key| key.verify(body, headers).is_ok());
            }
            Self::Bearer => authorization(headers, "bearer").map(str::to_owned),
            Self::Basic { .. } => authorization(headers, "basic").and_then(login),
            Self::Query => query.and_then(token),
            Self::GitLabToken => header(headers, "x-gitlab-token").map(str::to_owned),
        };
        let wanted = match self {
            Self::Basic { user } => format!("{user}:{}", secret.expose_secret()).into(),
            _ => secret.clone(),
        };
        let is_shown = shown.is_some();
        same_secret(&shown.unwrap_or_default().into(), &wanted) && is_shown
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    std::str::from_utf8(headers.get(name)?.as_bytes()).ok()
}

fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (shown, credential) = header(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    shown
        .eq_ignore_ascii_case(scheme)
        .then_some(credential.trim())
}

/// User and password as `user:password`.
fn login(encoded: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn token(query: &str) -> Option<String> {
    let mut pairs = query.split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix("token="))?;
    let decoded = percent_decode_str(value).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

fn has_hub_signature(secret: &SecretString, headers: &HeaderMap, body: &[u8]) -> bool {
    let shown = header(headers, "x-hub-signature-256");
    let shown = shown.and_then(|it| it.strip_prefix("sha256="));
    let signature = shown.and_then(bytes).unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    hmac::verify(&key, body, &signature).is_ok()
}

/// The bytes of a text in hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_given(proof: &Proof, headers: &[(&'static str, &str)], query: Option<&str>) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let evidence = Evidence {
            headers: &map,
            query,
            body: b"Hello, World!",
        };
        proof.is_given(&"It's a Secret to Everybody".into(), &evidence)
    }

    /// The example of <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_example_of_github_is_verified() {
        let header = "x-hub-signature-256";
        assert!(is_given(&Proof::HubSignature, &[(header, SIGNED)], None));
        let other = SIGNED.replace("e17", "e18");
        let short = &SIGNED[..SIGNED.len() - 2];
        let odd = &SIGNED[..SIGNED.len() - 1];
        for wrong in [&other, short, odd, "sha256=", "", "sha1=75", &SIGNED[7..]] {
            assert!(
                !is_given(&Proof::HubSignature, &[(header, wrong)], None),
                "{wrong}"
            );
        }
        assert!(!is_given(&Proof::HubSignature, &[], None));
    }

    #[test]
    fn a_shown_secret_is_compared_as_a_whole() {
        let secret = "It's a Secret to Everybody";
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let ana = Proof::Basic { user: "ana".into() };
        let token = "x-gitlab-token";
        assert!(is_given(
            &Proof::Bearer,
            &[("authorization", &format!("bearer {secret}"))],
            None
        ));
        assert!(is_given(
            &ana,
            &[("authorization", &basic(&format!("ana:{secret}")))],
            None
        ));
        assert!(is_given(&Proof::GitLabToken, &[(token, secret)], None));
        let query = "a=b&token=It%27s%20a%20Secret%20to%20Everybody";
        assert!(is_given(&Proof::Query, &[], Some(query)));

        for wrong in ["", "It's", "It's a Secret to Everybody!", "Bearer"] {
            assert!(!is_given(
                &Proof::Bearer,
                &[("authorization", &format!("Bearer {wrong}"))],
                None
            ));
            assert!(!is_given(&Proof::GitLabToken, &[(token, wrong)], None));
            assert!(!is_given(
                &Proof::Query,
                &[],
                Some(&format!("token={wrong}"))
            ));
        }
        assert!(!is_given(
            &Proof::Bearer,
            &[("authorization", secret)],
            None
        ));
        assert!(!is_given(
            &Proof::Query,
            &[("authorization", &format!("Bearer {secret}"))],
            None
        ));
        for wrong in ["", ":", "ana:", "bob:It's a Secret to Everybody", secret] {
            assert!(
                !is_given(&ana, &[("authorization", &basic(wrong))], None),
                "{wrong}"
            );
        }
        assert!(!is_given(&ana, &[("authorization", "Basic %%%")], None));
    }
}
