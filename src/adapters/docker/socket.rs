//! The unix socket of a slot on this host: its directory, and a socket that a stopped instance did not remove.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use tokio::fs;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// The time limit for a listener to accept a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// The file at a socket's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AtPath {
    Nothing,
    /// A socket without a listener.
    Stale,
    /// A socket with a listener, or a socket that cannot be checked.
    Listening,
    /// Anything else. The text is a noun phrase with the path.
    Other(String),
}

pub(super) async fn look(path: &Path) -> AtPath {
    let metadata = match fs::symlink_metadata(path).await {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == ErrorKind::NotFound => return AtPath::Nothing,
        Err(e) => {
            return AtPath::Other(format!(
                "an unknown file at {}, which cannot be read: {e}",
                path.display()
            ));
        }
    };
    if !metadata.file_type().is_socket() {
        return AtPath::Other(format!(
            "the file {}, which is not a socket (remove it, or give the slot another socket)",
            path.display()
        ));
    }
    match timeout(CONNECT, UnixStream::connect(path)).await {
        Ok(Err(e)) if e.kind() == ErrorKind::ConnectionRefused => AtPath::Stale,
        Ok(Err(e)) if e.kind() == ErrorKind::NotFound => AtPath::Nothing,
        // The connection succeeded, took too long (a busy listener) or failed with another error, e.g. a missing
        // permission. In each case the socket may have a listener, so it must not be removed.
        Ok(_) | Err(_) => AtPath::Listening,
    }
}

/// Makes the path free for a new listener: creates its directory and removes a stale socket. The error says why the
/// path cannot be used.
pub(super) async fn make_room(path: &Path) -> Result<(), String> {
    let Some(directory) = path.parent() else {
        return Err(format!("{} has no directory", path.display()));
    };
    fs::create_dir_all(directory)
        .await
        .map_err(|e| format!("{} cannot be created: {e}", directory.display()))?;
    match look(path).await {
        AtPath::Nothing => Ok(()),
        AtPath::Listening => Err(format!(
            "a process listens on {}, or Greenroom cannot check this: stop the process, or give the slot another socket",
            path.display()
        )),
        AtPath::Other(description) => Err(format!(
            "the slot's socket cannot be created, because of {description}"
        )),
        AtPath::Stale => fs::remove_file(path)
            .await
            .map_err(|e| format!("the stale socket {} cannot be removed: {e}", path.display())),
    }
}

/// Removes the socket of a stopped instance, if no process listens on it.
pub(super) async fn remove_stale(path: &Path) {
    if look(path).await == AtPath::Stale {
        // If this fails, the next start finds the socket again and tries to remove it.
        let _ = fs::remove_file(path).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_stale_socket_is_removed() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("blue/app.sock");
        assert_eq!(make_room(&path).await, Ok(()));
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        assert_eq!(look(&path).await, AtPath::Listening);
        assert!(make_room(&path).await.is_err());
        assert!(path.exists());
        drop(listener);
        // A command that another test starts at the same time holds a copy of the listener until `exec`.
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while look(&path).await != AtPath::Stale {
            assert!(
                std::time::Instant::now() < until,
                "a process still listens on the socket"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(make_room(&path).await, Ok(()));
        assert!(!path.exists());
        std::fs::write(&path, "precious").expect("written");
        assert!(make_room(&path).await.is_err());
        assert!(path.exists());
    }
}
