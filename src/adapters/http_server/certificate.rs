//! The certificate of a server, in two PEM files. Certificates are renewed while the server is running, so the files are
//! read again when one of them has changed.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::validity::Validity;
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// How soon files that could not be used are read again although they seem unchanged.
const AGAIN_AFTER: Duration = Duration::from_mins(1);
/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

pub(crate) struct ServerCertificate {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
    /// Held by the connection that reads the files.
    reading: tokio::sync::Mutex<()>,
}

struct Current {
    acceptor: TlsAcceptor,
    /// The states of the files when they were last read, also if they could not be used.
    read: [Option<FileState>; 2],
    /// When the files could not be used; none if they are in use.
    failed_at: Option<Instant>,
}

impl Current {
    fn is_of(&self, now: &[Option<FileState>; 2]) -> bool {
        let is_settled = self.failed_at.is_none_or(|at| at.elapsed() < AGAIN_AFTER);
        self.read == *now && is_settled
    }
}

/// What changes when a file is replaced or rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

impl FileState {
    async fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let state = |metadata: Metadata| Self {
            modified: metadata.modified().ok(),
            size: metadata.len(),
            inode: metadata.ino(),
        };
        tokio::fs::metadata(path).await.ok().map(state)
    }
}

impl ServerCertificate {
    /// Reads the files.
    pub(crate) async fn read(certificate: PathBuf, key: PathBuf) -> Result<Self> {
        let read = [FileState::of(&certificate).await, FileState::of(&key).await];
        let acceptor = acceptor(&certificate, &key).await?;
        Ok(Self {
            certificate,
            key,
            current: Mutex::new(Current {
                acceptor,
                read,
                failed_at: None,
            }),
            reading: tokio::sync::Mutex::default(),
        })
    }

    /// When the whole chain is valid. Fails if the files cannot be used.
    pub(crate) async fn validity(certificate: &Path, key: &Path) -> Result<Validity> {
        acceptor(certificate, key).await?;
        let chain = chain(certificate).await?;
        let unknown = || failure(certificate, "its dates of validity cannot be read");
        Validity::of_chain(&chain).ok_or_else(unknown)
    }

    /// The acceptor for the next connection. If a file has changed, both are read again. While they do not fit together,
    /// e.g. because only one of them was replaced so far, the last certificate that did is used. A connection that ends
    /// before the files are read leaves the reading to the next connection.
    pub(crate) async fn acceptor(&self) -> TlsAcceptor {
        let now = [
            FileState::of(&self.certificate).await,
            FileState::of(&self.key).await,
        ];
        // The other connections do not wait for the one that reads the files.
        let reading = self.reading.try_lock();
        {
            let current = self.lock();
            if current.is_of(&now) || reading.is_err() {
                return current.acceptor.clone();
            }
        }
        let renewed = acceptor(&self.certificate, &self.key).await;
        let mut current = self.lock();
        current.read = now;
        current.failed_at = None;
        match renewed {
            Ok(acceptor) => {
                tracing::info!("read the renewed {}", self.certificate.display());
                current.acceptor = acceptor;
            }
            Err(failure) => {
                tracing::warn!("the last certificate is still used: {failure}");
                current.failed_at = Some(Instant::now());
            }
        }
        current.acceptor.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let (chain, private) = (chain(certificate).await?, private(key).await?);
    // This fails if the key is not the key of the certificate.
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let builder = builder.with_no_client_auth();
            builder.with_single_cert(chain, private)
        })
        .map_err(|error| failure(certificate, &error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&content(path).await?)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| failure(path, &error.to_string()))?;
    if chain.is_empty() {
        return Err(failure(path, "the file has no certificate"));
    }
    Ok(chain)
}

async fn private(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(&content(path).await?)
        .map_err(|error| failure(path, &error.to_string()))
}

async fn content(path: &Path) -> Result<Vec<u8>> {
    use tokio::io::AsyncReadExt as _;
    let read = async {
        let mut content = Vec::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(LARGEST).read_to_end(&mut content).await?;
        Ok::<_, std::io::Error>(content)
    };
    read.await.map_err(|error| {
        let mut failure = failure(path, &error.to_string());
        match error.kind() {
            std::io::ErrorKind::NotFound => failure.kind = FailureKind::Missing,
            std::io::ErrorKind::PermissionDenied => failure.kind = FailureKind::Denied,
            _ => {}
        }
        failure
    })
}

fn failure(path: &Path, message: &str) -> Failure {
    Failure::new(
        FailureKind::Rejected,
        sanitize(&format!("file {}", path.display())),
        "reading the certificate and its key",
        sanitize(message),
    )
    .hint("the certificate file has the whole chain as PEM, the key file the key of its first certificate")
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use rustls::server::ResolvesServerCertUsingSni;

    use super::*;

    /// A certificate with two files that changed and cannot be used.
    fn changed(directory: &Path) -> ServerCertificate {
        let [certificate, key] = ["a.pem", "a.key"].map(|name| directory.join(name));
        for file in [&certificate, &key] {
            std::fs::write(file, "garbage").expect("written");
        }
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        ServerCertificate {
            certificate,
            key,
            current: Mutex::new(Current {
                acceptor: TlsAcceptor::from(Arc::new(config)),
                read: [None, None],
                failed_at: None,
            }),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Polls a future at most so many times, and drops it. Returns whether it ended.
    async fn ends_within(polls: usize, future: impl Future<Output = TlsAcceptor>) -> bool {
        let (mut future, mut left) = (pin!(future), polls);
        poll_fn(|context| {
            if future.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            left -= 1;
            if left == 0 {
                Poll::Ready(false)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    #[tokio::test]
    async fn the_next_connection_reads_the_files_if_the_last_one_ended_before() {
        let directory = tempfile::tempdir().expect("a directory");
        for polls in 1..1000 {
            let certificate = changed(directory.path());
            let ended = ends_within(polls, certificate.acceptor()).await;
            certificate.acceptor().await;
            let is_read = certificate.lock().failed_at.is_some();
            assert!(is_read, "{polls} polls");
            if ended {
                return;
            }
        }
        panic!("it does not end");
    }
}
