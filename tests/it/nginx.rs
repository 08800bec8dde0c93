//! The real nginx with private ports and directories: installing, switching, and their failures.

mod arena;
mod installing;
mod limiting;
mod newer;
mod owning;
mod switching;
mod traffic;
mod trials;
