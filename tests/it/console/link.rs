//! The cost of a redraw on a slow link: the bytes written to the terminal.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use greenroom::console::event::Event;
use greenroom::console::{Charset, Model, view};
use greenroom::history::Step;
use ratatui::Viewport;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

use super::world::{asking, later, model, tell, theme, web_production, with_candidate};

/// Counts the bytes written.
#[derive(Clone, Default)]
struct Link(Rc<RefCell<usize>>);

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.borrow_mut() += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A screen at the far end of a link.
struct Far {
    terminal: ratatui::Terminal<CrosstermBackend<Link>>,
    link: Link,
}

impl Far {
    fn new((width, height): (u16, u16)) -> Self {
        let link = Link::default();
        let options = ratatui::TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, width, height)),
        };
        let backend = CrosstermBackend::new(link.clone());
        Self {
            terminal: ratatui::Terminal::with_options(backend, options).expect("a terminal"),
            link,
        }
    }

    /// Draws a frame and returns the number of bytes written.
    fn cost(&mut self, model: &Model) -> usize {
        let before = *self.link.0.borrow();
        let theme = theme("dark", Charset::Unicode);
        self.terminal
            .draw(|frame| view::draw(model, &theme, frame))
            .expect("drawn");
        *self.link.0.borrow() - before
    }
}

fn in_mid_release(size: (u16, u16)) -> Model {
    let mut model = model(size, with_candidate(web_production()));
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    model
}

#[test]
fn a_redraw_writes_only_what_changed() {
    for (size, most) in [((118, 34), 24_000), ((80, 24), 10_000), ((300, 80), 90_000)] {
        let mut model = in_mid_release(size);
        let mut far = Far::new(size);
        let whole = far.cost(&model);
        assert!(whole < most, "{size:?}: {whole} bytes for everything");
        // A frame without a change may only send the cursor's own state.
        let nothing = far.cost(&model);
        assert!(nothing < 40, "{size:?}: {nothing} bytes for nothing");
        model.now = later(1);
        let second = far.cost(&model);
        assert!(second < 1_200, "{size:?}: {second} bytes for a second");
    }
}
