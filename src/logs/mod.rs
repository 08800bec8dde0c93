//! Live log streams: keeping the newest lines in a ring, finding what is looked for in them, and
//! looking at them through a viewport. Pure, but for `tail`, which follows a log through a port, and
//! `save`, which writes a file.
//! Knows no screen: which lines are visible is decided here, how they are drawn is not.

mod hiding;
mod index;
mod line;
mod log;
mod needle;
mod ring;
mod save;
mod shown;
mod tail;
mod viewport;
mod wrap;

pub use hiding::Hiding;
pub use index::Index;
pub use line::{Line, LineId, NewLine, Origin};
pub use log::{Log, Seek, Wanted, plain};
pub use needle::Needle;
pub use ring::{Bounds, Ring};
pub use save::write;
pub use shown::Shown;
pub use tail::{Batch, follow, follow_hidden, follow_proxy};
pub use viewport::{Room, Top, Viewport};
pub use wrap::{columns_before, rows, slice, wrapped};
