//! The reading position in Greenroom's own diagnostics. The library `tui-logger` collects the lines and changes the
//! position.

use std::fmt;
use std::sync::Arc;

use tui_logger::{TuiWidgetEvent, TuiWidgetState};

/// The reading position in the diagnostics.
#[derive(Clone, Default)]
pub struct Diagnostics(Arc<TuiWidgetState>);

impl Diagnostics {
    /// The state that the widget of `tui-logger` draws.
    pub fn state(&self) -> &TuiWidgetState {
        &self.0
    }

    /// Scrolls to older lines by one page. After the oldest page comes the newest.
    pub fn older(&self) {
        self.0.transition(TuiWidgetEvent::PrevPageKey);
    }

    /// Scrolls to newer lines by one page.
    pub fn newer(&self) {
        self.0.transition(TuiWidgetEvent::NextPageKey);
    }

    /// Scrolls to the newest lines and follows them.
    pub fn newest(&self) {
        self.0.transition(TuiWidgetEvent::EscapeKey);
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Diagnostics")
    }
}
