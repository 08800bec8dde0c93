//! Where one looks in what Greenroom says about itself. The lines are the diagnostics' own, kept by
//! the library that collects them; so is the place in them, and this only holds it.

use std::fmt;
use std::sync::Arc;

use tui_logger::{TuiWidgetEvent, TuiWidgetState};

/// See the module.
#[derive(Clone, Default)]
pub struct Diagnostics(Arc<TuiWidgetState>);

impl Diagnostics {
    /// The place, for drawing.
    pub fn place(&self) -> &TuiWidgetState {
        &self.0
    }

    /// Towards older lines, by a page; past the oldest it begins again at the newest.
    pub fn older(&self) {
        self.0.transition(TuiWidgetEvent::PrevPageKey);
    }

    /// Towards newer lines, by a page.
    pub fn newer(&self) {
        self.0.transition(TuiWidgetEvent::NextPageKey);
    }

    /// To the newest, and follows them.
    pub fn newest(&self) {
        self.0.transition(TuiWidgetEvent::EscapeKey);
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Diagnostics")
    }
}
