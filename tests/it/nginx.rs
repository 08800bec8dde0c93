//! The real nginx with private ports and directories: installing, switching, and their failures.

mod arena;
mod doctor_tests;
mod installing;
mod limiting;
mod newer;
mod owning;
mod switching;
mod traffic;
