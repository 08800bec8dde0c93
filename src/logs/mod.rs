//! Live log streams: keeping the newest lines in a ring and looking at them through a viewport.
//! Pure, but for `tail`, which follows an instance through the runtime port. Knows no screen:
//! which lines are visible is decided here, how they are drawn is not.

mod line;
mod ring;
mod tail;
mod viewport;

pub use line::{Line, LineId, NewLine, Origin};
pub use ring::{Bounds, Ring};
pub use tail::{Batch, follow};
pub use viewport::Viewport;
