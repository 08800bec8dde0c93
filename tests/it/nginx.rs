//! The real nginx on ports and directories of its own: installing, switching, and everything that
//! may go wrong on the way.

mod arena;
mod installing;
mod limiting;
mod newer;
mod owning;
mod switching;
mod traffic;
mod trials;
