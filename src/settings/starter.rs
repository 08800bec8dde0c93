//! The text that `config init` writes: a file that loads as it is, to be changed from there.

/// A commented file to start from. It loads.
pub fn starter() -> &'static str {
    include_str!("starter.toml")
}
