//! Reads the text of a file of limited size.

use std::io::{self, Read};

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("the file cannot be read: {0}")]
    Failed(#[from] io::Error),
    #[error("this is {0}: name a file, or /dev/stdin to read the configuration from a pipe")]
    NotAFile(&'static str),
    #[error("the file is larger than {size}, which is too large for {purpose}")]
    TooLarge {
        size: &'static str,
        purpose: &'static str,
    },
    #[error("line {0} is not UTF-8: save the file as UTF-8")]
    NotUtf8(usize),
}

/// The size of the largest file of a kind.
pub(super) struct Largest {
    pub(super) bytes: u64,
    /// The same size, as messages say it.
    pub(super) size: &'static str,
    /// What the file is for, as messages say it.
    pub(super) purpose: &'static str,
}

impl Largest {
    pub(super) fn read(&self, file: impl Read) -> Result<String, Unreadable> {
        let mut bytes = Vec::new();
        file.take(self.bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.bytes {
            return Err(Unreadable::TooLarge {
                size: self.size,
                purpose: self.purpose,
            });
        }
        String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            Unreadable::NotUtf8(good.split(|byte| *byte == b'\n').count())
        })
    }
}
