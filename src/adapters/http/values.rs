//! The header and query values of a request. Secret values are read from their sources, and hidden in every text about
//! the request or its answer. A secret is read when it is first needed, and again after an answer that denies access.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::checks::{Answer, hide_in_query, may_be_secret, with_query};
use crate::inventory::{EnvironmentValue, HIDDEN, Mask, SecretSource, is_word};
use crate::ports::{Secrets, TargetSecrets};

/// Prepares the values of requests. Each secret is read separately, so a source that hangs delays only the requests
/// that need its secret.
#[derive(Default)]
pub(super) struct Values {
    secrets: Option<Arc<dyn Secrets>>,
    /// All secrets of the target. They are hidden in every answer, whether or not the request sent them.
    target: Option<TargetSecrets>,
    masks: Masks,
}

/// The masks of the last requests. A target is probed repeatedly with the same secrets, so each mask is made once.
#[derive(Default)]
struct Masks(Mutex<VecDeque<(HiddenTexts, Mask)>>);

/// The texts that a mask hides: secrets, and the body of a request.
type HiddenTexts = (Vec<String>, Option<String>);

/// The most masks that are kept.
const MASKS: usize = 256;

impl Masks {
    fn of(&self, secrets: Vec<String>, body: Option<&str>) -> Mask {
        if secrets.is_empty() && body.is_none() {
            return Mask::default();
        }
        let texts = (secrets, body.map(str::to_owned));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, mask)) = kept.iter().find(|(known, _)| *known == texts) {
            return mask.clone();
        }
        let mask = Mask::of(&texts.0).with_body(body);
        kept.push_back((texts, mask.clone()));
        if kept.len() > MASKS {
            kept.pop_front();
        }
        mask
    }
}

/// The values to send, and the texts to show instead of them.
pub(super) struct Prepared {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) shown_path: String,
    pub(super) shown_headers: BTreeMap<String, String>,
    pub(super) mask: Mask,
    /// The secrets in the request.
    secrets: Vec<(SecretSource, SecretString)>,
}

impl Values {
    pub(super) fn reading(secrets: Arc<dyn Secrets>) -> Self {
        Self {
            secrets: Some(secrets),
            target: None,
            masks: Masks::default(),
        }
    }

    /// The same values, for requests to one target. Every answer hides the secrets of that target.
    pub(super) fn for_target(&self, target: TargetSecrets) -> Self {
        Self {
            secrets: self.secrets.clone(),
            target: Some(target),
            masks: Masks::default(),
        }
    }

    /// A mask that hides the secrets of the target.
    pub(super) async fn target_mask(&self) -> Mask {
        match &self.target {
            Some(target) => target.mask().await,
            None => Mask::default(),
        }
    }

    /// A mask that hides the secrets of the target that are known already.
    pub(super) fn known_mask(&self) -> Mask {
        self.target
            .as_ref()
            .map_or_else(Mask::default, TargetSecrets::known_mask)
    }

    /// A number that changes when Greenroom may have read another secret of the target.
    pub(super) fn mask_revision(&self) -> u64 {
        self.target.as_ref().map_or(0, TargetSecrets::revision)
    }

    /// Whether all secrets of the target are known.
    pub(super) fn knows_secrets(&self) -> bool {
        self.target.as_ref().is_none_or(TargetSecrets::is_complete)
    }

    /// Prepares one request: reads its secrets, and makes the mask for its answer. The mask also hides the body of the
    /// request, because an answer may repeat the body. The error names the source of a secret that cannot be read.
    pub(super) async fn prepare(
        &self,
        path: &str,
        query: &BTreeMap<String, EnvironmentValue>,
        headers: &BTreeMap<String, EnvironmentValue>,
        body: Option<&str>,
    ) -> Result<Prepared, String> {
        let mut prepared = Prepared {
            path: String::new(),
            headers: BTreeMap::new(),
            shown_path: String::new(),
            shown_headers: BTreeMap::new(),
            mask: Mask::default(),
            secrets: Vec::new(),
        };
        let mut hidden = Vec::new();
        for (name, value) in headers {
            let (text, shown) = self.text(name, value, &mut hidden, &mut prepared).await?;
            prepared.headers.insert(name.clone(), text);
            prepared.shown_headers.insert(name.clone(), shown);
        }
        let (mut sent, mut shown) = (Vec::new(), Vec::new());
        for (name, value) in query {
            let (text, masked) = self.text(name, value, &mut hidden, &mut prepared).await?;
            sent.push((name.as_str(), text));
            shown.push((name.as_str(), masked));
        }
        let (shown_path, in_path) = hide_in_query(path);
        hidden.extend(in_path.into_iter().filter(|text| !is_word(text)));
        prepared.path = with_query(path, &sent);
        prepared.shown_path = shown_path;
        for (name, value) in shown {
            let joint = if prepared.shown_path.contains('?') {
                '&'
            } else {
                '?'
            };
            prepared.shown_path.push(joint);
            prepared.shown_path.extend([name, "=", &value]);
        }
        prepared.mask = self.mask(hidden, body).await;
        Ok(prepared)
    }

    /// A mask for these secrets, the body of the request and every secret of the target. An application may repeat a
    /// secret in its answer to a request that did not contain the secret.
    pub(super) async fn mask(&self, mut secrets: Vec<String>, body: Option<&str>) -> Mask {
        if let Some(target) = &self.target {
            secrets.extend(target.texts().await);
        }
        self.masks.of(secrets, body)
    }

    /// The value to send and the value to show.
    async fn text(
        &self,
        name: &str,
        value: &EnvironmentValue,
        hidden: &mut Vec<String>,
        prepared: &mut Prepared,
    ) -> Result<(String, String), String> {
        let text = match value {
            EnvironmentValue::Plain(text) if !may_be_secret(name) => {
                return Ok((text.clone(), text.clone()));
            }
            EnvironmentValue::Plain(text) => text.clone(),
            EnvironmentValue::Secret(source) => {
                let secret = self.secret(source).await?;
                let text = secret.expose_secret().to_owned();
                prepared.secrets.push((source.clone(), secret));
                text
            }
        };
        if matches!(value, EnvironmentValue::Secret(_)) || !is_word(&text) {
            hidden.push(text.clone());
        }
        Ok((text, HIDDEN.to_owned()))
    }

    async fn secret(&self, source: &SecretSource) -> Result<SecretString, String> {
        let Some(secrets) = &self.secrets else {
            return Err(
                "the request needs a secret, but no source of secrets is available".to_owned(),
            );
        };
        let read = secrets.kept(source).await;
        read.map_err(|failure| failure.to_string())
    }

    /// Reads the secrets of a request again if its answer denies access. The caller does not wait: later requests use
    /// the new values.
    pub(super) fn renew_if_denied(&self, prepared: Prepared, answer: &Answer) {
        let Some(secrets) = &self.secrets else {
            return;
        };
        if matches!(answer.status, 401 | 403) {
            for (source, sent) in prepared.secrets {
                let secrets = Arc::clone(secrets);
                tokio::spawn(async move { secrets.renewed(&source, &sent).await });
            }
        }
    }
}

impl Prepared {
    /// A copy of the answer without the texts that must not be shown.
    pub(super) fn shown(&self, answer: &Answer) -> Answer {
        shown(answer, &self.mask)
    }
}

/// A copy of an answer without the texts that the mask hides.
pub(super) fn shown(answer: &Answer, mask: &Mask) -> Answer {
    if mask.is_empty() {
        return answer.clone();
    }
    let headers = answer.headers.iter();
    let body = String::from_utf8_lossy(&answer.body);
    Answer {
        headers: headers
            .map(|(name, value)| (mask.hide(name), mask.hide(value)))
            .collect(),
        body: mask.hide(&body).into_bytes(),
        ..answer.clone()
    }
}
