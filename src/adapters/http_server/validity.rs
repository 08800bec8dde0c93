//! When a certificate is valid.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

/// When a certificate is valid, or all certificates of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// A time after the last date that a certificate can have, the end of the year 9999.
const AFTER_ALL: Duration = Duration::from_hours(9000 * 365 * 24);

impl Validity {
    /// When all certificates of a chain are valid; none if the dates of the first cannot be read. Others without
    /// readable dates, such as an old root, do not count.
    pub(super) fn of_chain(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (first, others) = chain.split_first()?;
        let others = others.iter().filter_map(Self::of);
        Some(others.fold(Self::of(first)?, |all, one| Self {
            from: all.from.max(one.from),
            until: all.until.min(one.until),
        }))
    }

    /// The dates of a certificate; none if they cannot be read. rustls tells them only in the reasons for which it
    /// refuses a certificate, so it verifies the certificate as of a time before and a time after all dates.
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone().into_owned()).ok()?;
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().ok()?;
        let name = ServerName::try_from("greenroom.invalid").ok()?;
        let refused = |at| {
            let at = UnixTime::since_unix_epoch(at);
            verifier.verify_server_cert(certificate, &[], &name, &[], at)
        };
        let from = match refused(Duration::ZERO) {
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) => timestamp(not_before),
            _ => Timestamp::UNIX_EPOCH,
        };
        match refused(AFTER_ALL) {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => Some(Self {
                from,
                until: timestamp(not_after),
            }),
            _ => None,
        }
    }
}

/// A certificate without a planned end expires at the end of the year 9999, which is later than the latest timestamp.
fn timestamp(time: UnixTime) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).ok();
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.unwrap_or(Timestamp::MAX)
}
