//! What Greenroom can be tried with where there is nothing to release: a sample application,
//! real and small. It knows nothing of releases, adapters or screens.

pub mod sample;
