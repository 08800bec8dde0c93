//! Decides which headers, query parameters and environment variables may be secret, from their names. Hides the values
//! of such query parameters in a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::inventory::HIDDEN;

/// The characters that are escaped in the query of a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name that contains one of these parts suggests a secret.
const PARTS: [&str; 10] = [
    "auth",
    "cookie",
    "token",
    "secret",
    "key",
    "passw",
    "session",
    "credential",
    "signature",
    "jwt",
];

/// Whether the name of a header, query parameter or environment variable suggests a secret value.
pub fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

/// Hides the value of each query parameter with a name that suggests a secret. Returns the path without these values,
/// and the values.
pub fn hide_in_query(path: &str) -> (String, Vec<String>) {
    let Some((before, query)) = path.split_once('?') else {
        return (path.to_owned(), Vec::new());
    };
    let mut hidden = Vec::new();
    let parts: Vec<String> = query
        .split('&')
        .map(|part| match part.split_once('=') {
            Some((name, value)) if may_be_secret(name) => {
                hidden.push(value.to_owned());
                format!("{name}={HIDDEN}")
            }
            _ => part.to_owned(),
        })
        .collect();
    (format!("{before}?{}", parts.join("&")), hidden)
}

/// A path with these values added to its query, escaped.
pub fn with_query(path: &str, values: &[(&str, String)]) -> String {
    let mut whole = path.to_owned();
    for (name, value) in values {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.extend(utf8_percent_encode(name, ESCAPED));
        whole.push('=');
        whole.extend(utf8_percent_encode(value, ESCAPED));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_secret_are_hidden_in_a_query() {
        let (shown, hidden) = hide_in_query("/a?access_token=hunter2&page=2");
        assert_eq!(shown, "/a?access_token=(hidden)&page=2");
        assert_eq!(hidden, ["hunter2"]);
        assert_eq!(hide_in_query("/a").0, "/a");
    }

    #[test]
    fn a_value_that_is_added_to_a_query_is_escaped() {
        let values = [("key", "a&b=c d".to_owned())];
        assert_eq!(with_query("/a", &values), "/a?key=a%26b%3Dc%20d");
        assert_eq!(with_query("/a?b=1", &values), "/a?b=1&key=a%26b%3Dc%20d");
    }
}
