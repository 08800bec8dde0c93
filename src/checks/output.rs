//! The end of the output of a command that checks a candidate.

use crate::inventory::Mask;
use crate::sanitize::sanitize_line;

/// The most bytes of the end of the output that are kept.
const KEPT: usize = 16 * 1024;

/// The last bytes of an output. Bytes before them are dropped.
#[derive(Debug, Default)]
pub struct OutputEnd(Vec<u8>);

impl OutputEnd {
    pub fn take(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * KEPT {
            self.0.drain(..self.0.len() - KEPT - 1);
        }
    }

    /// The kept lines, sanitized, and with secrets hidden. A line that is not kept whole is left out, because the rest of
    /// a secret would not be recognized.
    pub fn text(&self, mask: &Mask) -> String {
        let mut lines = self.0.as_slice();
        if let Some(cut) = lines.len().checked_sub(KEPT + 1) {
            lines = &lines[cut..];
            let end_of_cut_line = lines.iter().position(|byte| *byte == b'\n');
            lines = end_of_cut_line.map_or(&[], |end| &lines[end + 1..]);
        }
        let lines = lines.split(|byte| *byte == b'\n');
        let lines =
            lines.map(|line| sanitize_line(mask.hide(&String::from_utf8_lossy(line)).as_bytes()));
        lines.collect::<Vec<_>>().join("\n")
    }
}
