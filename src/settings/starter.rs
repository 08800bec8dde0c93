//! The text that `config init` writes: a file that loads as it is.

/// A commented file to start from. It loads without errors.
pub fn starter() -> &'static str {
    include_str!("starter.toml")
}
