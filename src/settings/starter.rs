//! The text that `config init` writes.

/// A commented configuration to start from, without errors.
pub fn starter() -> &'static str {
    include_str!("starter.toml")
}
