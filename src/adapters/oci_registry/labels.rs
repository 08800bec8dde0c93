//! The labels in an image's configuration. They are untrusted, so they are shortened and sanitized.

use serde::Deserialize;

use crate::inventory::ImageLabels;
use crate::sanitize::sanitize;

/// The most characters of a label.
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

/// Reads the labels from an image's configuration, which is JSON. If no label has the build time, the builder's own
/// timestamp is used.
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
    let text: String = sanitize(&label?).trim().chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sanitized_and_shortened() {
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
}
