//! What an image says about itself, out of its configuration: untrusted, so bounded and harmless.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Deserialize;
use tokio::io::AsyncWrite;

use crate::harmless::harmless;
use crate::inventory::ImageLabels;

/// How many characters of a label are kept.
const LONGEST: usize = 256;

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "Labels")]
    labels: Option<Labels>,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default, rename = "org.opencontainers.image.revision")]
    revision: Option<String>,
    #[serde(default, rename = "org.opencontainers.image.created")]
    created: Option<String>,
    #[serde(default, rename = "org.opencontainers.image.version")]
    version: Option<String>,
}

/// What an image's configuration (JSON) says about it. Where nobody labelled it with the time it
/// was built, its builder wrote that down itself.
pub(super) fn labels_in(config: &[u8]) -> Result<ImageLabels, serde_json::Error> {
    let image: Image = serde_json::from_slice(config)?;
    let labels = image.config.and_then(|c| c.labels).unwrap_or_default();
    Ok(ImageLabels {
        revision: clean(labels.revision),
        created: clean(labels.created).or_else(|| clean(image.created)),
        version: clean(labels.version),
    })
}

fn clean(label: Option<String>) -> Option<String> {
    let text: String = harmless(&label?).trim().chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

/// Bytes in memory, up to a limit.
#[derive(Debug)]
pub(super) struct Limited {
    bytes: Vec<u8>,
    limit: u64,
}

impl Limited {
    /// Takes no more than `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
        }
    }
}

impl AsRef<[u8]> for Limited {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let total = self.bytes.len().saturating_add(bytes.len());
        if u64::try_from(total).is_ok_and(|total| total > self.limit) {
            return Poll::Ready(Err(io::Error::other(
                "the image's configuration is too large",
            )));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[test]
    fn labels_are_harmless_and_short() {
        let config = serde_json::json!({ "config": { "Labels": {
            "org.opencontainers.image.revision": "\u{1b}[2Jabc\u{202e}",
            "org.opencontainers.image.version": "9".repeat(1000),
            "org.opencontainers.image.created": " ",
        }}});
        let labels = labels_in(config.to_string().as_bytes()).expect("labels");
        assert_eq!(labels.revision.as_deref(), Some("abc\u{fffd}"));
        assert_eq!(labels.version.map(|v| v.len()), Some(LONGEST));
        assert_eq!(labels.created, None);
        assert_eq!(labels_in(b"{}").ok(), Some(ImageLabels::default()));
        assert_eq!(
            labels_in(br#"{"config":{"Labels":null}}"#).ok(),
            Some(ImageLabels::default())
        );
        let built = br#"{"created":"2026-11-20T10:00:00Z","config":{"Labels":{}}}"#;
        let built = labels_in(built).expect("labels");
        assert_eq!(built.created.as_deref(), Some("2026-11-20T10:00:00Z"));
        assert!(labels_in(b"<html>").is_err());
    }

    #[tokio::test]
    async fn a_configuration_without_end_is_not_kept() {
        let mut limited = Limited::new(10);
        assert!(limited.write_all(b"12345").await.is_ok());
        assert!(limited.write_all(b"1234567").await.is_err());
        assert_eq!(limited.as_ref().len(), 5);
    }
}
