//! Greenroom's own form of a push, signed as in Standard Webhooks: `{"repository": "team/web", "tag": "develop"}`, with
//! `digest` and `by` as options. The signature covers the header `webhook-id`, which names the delivery.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use hyper::HeaderMap;
use standardwebhooks::HEADER_WEBHOOK_ID;

use super::{BadPayload, PlainPush, Reported, header, json};

pub(super) fn pushes(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Reported>, BadPayload> {
    let Some(delivery) = header(headers, HEADER_WEBHOOK_ID) else {
        return Err(BadPayload::new("the header webhook-id is empty"));
    };
    let push: PlainPush = json(body)?;
    Ok(vec![push.reported(delivery)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_read_with_and_without_options() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_WEBHOOK_ID, "msg_1".parse().unwrap());
        let digest = format!("sha256:{}", "a".repeat(64));
        let plain = Reported {
            repository: "registry.example/team/web".into(),
            tag: "develop".into(),
            delivery: Some("msg_1".into()),
            ..Reported::default()
        };
        let body = r#"{"repository":"registry.example/team/web","tag":"develop"}"#;
        assert_eq!(pushes(&headers, body.as_bytes()), Ok(vec![plain.clone()]));
        let body = format!(
            r#"{{"repository":"registry.example/team/web","tag":"develop","digest":"{digest}","by":"ci"}}"#
        );
        let whole = Reported {
            digest: digest.parse().ok(),
            by: Some("ci".into()),
            ..plain
        };
        assert_eq!(pushes(&headers, body.as_bytes()), Ok(vec![whole]));
        assert!(pushes(&HeaderMap::new(), body.as_bytes()).is_err());
    }
}
