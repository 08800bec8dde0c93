//! Which headers and parameters of a request may carry a secret, by their names.

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

/// Whether the value of a header or parameter of that name is not to be shown.
pub fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}
