//! Live logs: a ring keeps the newest lines, an index finds matches, and a viewport selects the visible lines. Only two
//! modules do input or output: `tail` follows a log through a port, and `save` writes a file.
//! The module does not know the screen or how lines are drawn.

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
pub use tail::{
    Batch, MemberLines, follow, follow_checks, follow_hidden, follow_members, follow_proxy,
    follow_task, follow_tasks,
};
pub use viewport::{Room, Top, Viewport};
pub use wrap::{columns_before, rows, slice, wrapped};
