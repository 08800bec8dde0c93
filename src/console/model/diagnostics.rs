//! The reading position in Greenroom's own diagnostics. The library that collects the lines also keeps
//! the position; this type only holds it.

use std::fmt;
use std::sync::Arc;

use tui_logger::{TuiWidgetEvent, TuiWidgetState};

/// See the module.
#[derive(Clone, Default)]
pub struct Diagnostics(Arc<TuiWidgetState>);

impl Diagnostics {
    /// The state that the widget needs for drawing.
    pub fn place(&self) -> &TuiWidgetState {
        &self.0
    }

    /// Goes one page towards older lines. After the oldest page comes the newest.
    pub fn older(&self) {
        self.0.transition(TuiWidgetEvent::PrevPageKey);
    }

    /// Goes one page towards newer lines.
    pub fn newer(&self) {
        self.0.transition(TuiWidgetEvent::NextPageKey);
    }

    /// Goes to the newest lines and follows them.
    pub fn newest(&self) {
        self.0.transition(TuiWidgetEvent::EscapeKey);
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Diagnostics")
    }
}
