//! The answer that a client of the public address gets, and how it differs from a direct answer of the instance.

use serde::{Deserialize, Serialize};

use super::Slot;

/// One answer on the public address, or the direct answer of an instance to the same request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAnswer {
    /// The slot that answered, from the header that the proxy adds; none without that header.
    pub slot: Option<Slot>,
    /// The HTTP status; none if there was no answer.
    pub status: Option<u16>,
    /// The kind of the body; none if there was no answer.
    #[serde(default)]
    pub body: Option<BodyClass>,
    /// The problem, as a message; empty if there is none.
    pub detail: String,
}

/// What two bodies must have in common to count as the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyClass {
    /// `type/subtype` in lower case, without parameters; empty if the answer has no content type.
    pub media_type: String,
    pub is_empty: bool,
}

impl BodyClass {
    pub fn of(content_type: Option<&str>, body: &[u8]) -> Self {
        let named = content_type.unwrap_or_default();
        let essence = named.split(';').next().unwrap_or_default();
        Self {
            media_type: essence.trim().to_ascii_lowercase(),
            is_empty: body.is_empty(),
        }
    }
}

impl PublicAnswer {
    /// Why the public gets no good answer: there is no answer, or it has a status of 500 or above.
    pub fn failure(&self) -> Option<String> {
        match self.status {
            None if self.detail.is_empty() => Some("the public gets no answer".to_owned()),
            None => Some(format!("the public gets no answer: {}", self.detail)),
            Some(status) if status >= 500 => Some(format!("the public gets HTTP {status}")),
            Some(_) => None,
        }
    }

    /// How this public answer differs from the direct answer of the instance to the same request. None if the answers
    /// agree, or if one answer is missing. Bodies may differ in every byte, e.g. because of a clock or a token, but not
    /// in their kind.
    pub fn difference(&self, direct: &Self, slot: Slot) -> Option<String> {
        let (Some(got), Some(own)) = (self.status, direct.status) else {
            return None;
        };
        if got != own {
            return Some(format!("HTTP {got}, while {slot} answers {own} directly"));
        }
        let (Some(got), Some(own)) = (&self.body, &direct.body) else {
            return None;
        };
        if got.is_empty != own.is_empty {
            let article = |class: &BodyClass| if class.is_empty { "an empty" } else { "a" };
            return Some(format!(
                "{} body, while {slot} answers with {} body directly",
                article(got),
                article(own)
            ));
        }
        (got.media_type != own.media_type).then(|| {
            let name = |class: &BodyClass| match class.media_type.as_str() {
                "" => "no content type".to_owned(),
                media_type => crate::sanitize::sanitize(media_type),
            };
            format!(
                "{}, while {slot} answers with {} directly",
                name(got),
                name(own)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, body: &str) -> PublicAnswer {
        PublicAnswer {
            slot: None,
            status: Some(status),
            body: Some(BodyClass::of(Some(content_type), body.as_bytes())),
            detail: String::new(),
        }
    }

    #[test]
    fn answers_with_different_bytes_of_one_kind_agree() {
        let first = answer(200, "text/html; charset=utf-8", "12:00");
        let second = answer(200, "Text/HTML", "12:01");
        assert_eq!(first.difference(&second, Slot::Blue), None);
    }

    #[test]
    fn another_status_or_kind_of_body_is_a_difference() {
        let direct = answer(200, "application/json", "{}");
        for (public, message) in [
            (
                answer(404, "application/json", "{}"),
                "HTTP 404, while blue answers 200 directly",
            ),
            (
                answer(200, "text/html", "{}"),
                "text/html, while blue answers with application/json directly",
            ),
            (
                answer(200, "application/json", ""),
                "an empty body, while blue answers with a body directly",
            ),
        ] {
            assert_eq!(
                public.difference(&direct, Slot::Blue).as_deref(),
                Some(message)
            );
        }
    }

    #[test]
    fn an_instance_without_a_direct_answer_is_not_compared() {
        let silent = PublicAnswer {
            status: None,
            body: None,
            ..answer(200, "", "")
        };
        assert_eq!(
            answer(200, "text/html", "x").difference(&silent, Slot::Blue),
            None
        );
    }
}
