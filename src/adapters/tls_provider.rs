//! The TLS provider of this process, ring. `reqwest` is built without a provider of its own, and panics when a client is
//! created before the process has one.

/// Makes ring the provider, unless the process has one already.
pub(super) fn install() {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::trace!("the process has a TLS provider already");
    }
}
