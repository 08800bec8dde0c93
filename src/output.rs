//! Standard output and standard error that wait for a slow reader. Another program of the same session may have set the
//! terminal or pipe to non-blocking mode. A full terminal or pipe then answers "try again" instead of blocking.

use std::io::{self, Stderr, Stdout, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

/// A writer that waits if the inner writer answers "try again".
#[derive(Debug)]
pub(crate) struct Waiting<W>(W);

pub(crate) fn stdout() -> Waiting<Stdout> {
    Waiting(io::stdout())
}

pub(crate) fn stderr() -> Waiting<Stderr> {
    Waiting(io::stderr())
}

impl<W: Write + AsFd> Waiting<W> {
    fn until_ready<T>(
        &mut self,
        mut attempt: impl FnMut(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match attempt(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&self.0)?,
                done => return done,
            }
        }
    }
}

impl<W: Write + AsFd> Write for Waiting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // If a buffer of the standard library returns an error, it has accepted nothing of `bytes`. So the write can be
        // repeated.
        self.until_ready(|writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.until_ready(Write::flush)
    }
}

/// Waits until the writer accepts bytes or has failed.
fn wait(writer: &impl AsFd) -> io::Result<()> {
    let mut wanted = [PollFd::new(writer, PollFlags::OUT)];
    match poll(&mut wanted, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_write_to_a_full_pipe_waits() {
        let (writer, mut reader) = UnixStream::pair().expect("a pair");
        writer.set_nonblocking(true).expect("set");
        let probe = writer.try_clone().expect("a second one");
        // More than fits into a socket's buffer, in pieces as a screen is drawn.
        let bytes: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let sent = bytes.clone();
        let writing = std::thread::spawn(move || {
            let mut out = Waiting(writer);
            for piece in sent.chunks(3_001) {
                out.write_all(piece)?;
            }
            out.flush()
        });
        let is_full = || {
            let mut wanted = [PollFd::new(&probe, PollFlags::OUT)];
            poll(&mut wanted, Some(&rustix::event::Timespec::default())) == Ok(0)
        };
        while !is_full() && !writing.is_finished() {
            std::thread::yield_now();
        }
        drop(probe);
        let mut received = Vec::new();
        reader.read_to_end(&mut received).expect("read");
        writing.join().expect("a thread").expect("written");
        assert!(received == bytes, "{} of {}", received.len(), bytes.len());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let mut out = Waiting(full.expect("/dev/full"));
        let error = out.write_all(b"x").expect_err("full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
