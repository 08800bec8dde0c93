//! Sets up the terminal for the console and always restores it: raw mode, the alternate screen, bracketed paste,
//! a hidden cursor. Each frame is drawn in one synchronized update, so that the terminal never shows half a frame.

use std::fs::File;
use std::io::{self, IsTerminal as _, Stdout, Write as _};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use nix::unistd::{getppid, getsid};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect};
use rustix::process::{Signal, getpid, kill_process};

use crate::output::{Waiting, stdout};

/// Whether the terminal is set up for the console now. Static, because the panic hook reads it too.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What the console draws on: the real terminal, or an offscreen buffer in a test.
pub trait Screen {
    type Error: std::error::Error + Send + Sync + 'static;

    /// Draws a frame. Only the cells that changed since the last frame are written.
    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), Self::Error>;

    /// Makes the next call of `draw` write all cells, because the terminal may show something else.
    fn forget(&mut self) -> Result<(), Self::Error>;

    /// The size in columns and rows.
    fn size(&self) -> Result<(u16, u16), Self::Error>;

    /// Puts text on the terminal's clipboard.
    fn copy(&mut self, text: &str) -> Result<(), Self::Error>;

    fn ring(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Makes the console receive clicks and wheel turns, or leaves them to the terminal.
    fn mouse(&mut self, _wanted: bool) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Restores the terminal and stops this process. Sets up the terminal again when the process continues.
    fn suspend(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Sets up the terminal again after other programs may have changed its modes.
    fn resume(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether the terminal is still set up for the console. A panic in another task restores the terminal while the
    /// loop still runs.
    fn is_ours(&self) -> bool {
        true
    }
}

/// Why the console cannot be opened on this terminal.
#[derive(Debug, thiserror::Error)]
pub enum NoTerminal {
    #[error(
        "the console needs a terminal, but standard output is not a terminal: do not redirect it; use ssh -t or \
         docker exec -it to get a terminal"
    )]
    Screen,
    #[error(
        "the console cannot read keys: standard input is not a terminal, and this process has no controlling \
         terminal (/dev/tty: {0}); use ssh -t or docker exec -it to get a terminal"
    )]
    Keyboard(io::Error),
    /// `TERM` is not set, is empty, or is `dumb`, the name of a terminal without cursor movement.
    #[error(
        "the console cannot draw on this terminal: TERM is {0}; set TERM to the type of the terminal, for example \
         TERM=xterm-256color"
    )]
    Dumb(&'static str),
}

/// Checks whether the console can be opened. Writes nothing to the terminal.
pub fn check() -> Result<(), NoTerminal> {
    if !io::stdout().is_terminal() {
        return Err(NoTerminal::Screen);
    }
    if !io::stdin().is_terminal() {
        let tty = File::options().read(true).write(true).open("/dev/tty");
        tty.map_err(NoTerminal::Keyboard)?;
    }
    match std::env::var_os("TERM") {
        None => Err(NoTerminal::Dumb("not set")),
        Some(term) if term.is_empty() => Err(NoTerminal::Dumb("empty")),
        Some(term) if term == "dumb" => Err(NoTerminal::Dumb("dumb")),
        Some(_) => Ok(()),
    }
}

/// The real terminal, set up for the console. Dropping this value restores the terminal.
#[derive(Debug)]
pub struct Terminal {
    // Never dropped: if ratatui cannot restore the cursor, its `drop` prints to standard error, and printing panics
    // when the terminal is gone.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Waiting<Stdout>>>>,
    mouse: bool,
}

impl Terminal {
    pub fn enter() -> io::Result<Self> {
        // The theme handles NO_COLOR. Without this call, crossterm would handle it too and would also drop bold and
        // reverse.
        crossterm::style::force_color_output(true);
        let entered = enable_raw_mode()
            .and_then(|()| Self::take())
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(stdout())));
        match entered {
            Ok(inner) => Ok(Self {
                inner: ManuallyDrop::new(inner),
                mouse: false,
            }),
            Err(error) => {
                // Raw mode may already be on, and `restore` does nothing unless `TAKEN` is set.
                TAKEN.store(true, Ordering::SeqCst);
                restore();
                Err(error)
            }
        }
    }

    /// Sets the modes of the terminal, until [`restore`]. The alternate screen is entered only once, because entering
    /// it a second time would lose the cursor position of the shell.
    fn take() -> io::Result<()> {
        if !TAKEN.swap(true, Ordering::SeqCst) {
            execute!(stdout(), EnterAlternateScreen)?;
        }
        execute!(stdout(), EnableBracketedPaste, cursor::Hide)
    }

    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Installs a panic hook that restores the terminal and then runs the earlier hook. The earlier hook reports the panic,
/// so the earlier hook must be installed before this call. After a panic, the loop of the console ends. A second call
/// does nothing.
pub fn restore_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            report(info);
        }));
    });
}

/// Restores the terminal if it is set up for the console. Safe to call at any time and more than once, also in a
/// panic hook. Errors are ignored: the terminal may be gone.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = stdout();
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = disable_raw_mode();
    let _ = out.flush();
}

impl Screen for Terminal {
    type Error = io::Error;

    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.inner.draw(render).map(|_| ());
        // The update must end even if drawing failed: until then, the terminal shows nothing new.
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    fn forget(&mut self) -> io::Result<()> {
        // `clear` would ask the terminal for its cursor position, and the task that reads the keys would receive
        // the answer.
        let size = self.inner.size()?;
        self.inner.resize(Rect::from((Position::ORIGIN, size)))
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        // tmux and screen keep the text for themselves, unless they are configured to pass the text to the terminal.
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    fn ring(&mut self) -> io::Result<()> {
        execute!(stdout(), Print('\u{7}'))
    }

    fn mouse(&mut self, wanted: bool) -> io::Result<()> {
        self.mouse = wanted;
        if wanted {
            execute!(stdout(), EnableMouseCapture)
        } else {
            execute!(stdout(), DisableMouseCapture)
        }
    }

    fn suspend(&mut self) -> io::Result<()> {
        restore();
        // The process stops inside this call, because the kernel delivers the signal to the main thread, which runs
        // the loop.
        kill_process(getpid(), Signal::TSTP)?;
        self.resume()
    }

    fn resume(&mut self) -> io::Result<()> {
        // crossterm remembers that raw mode is on and would not set it again, although a shell has switched it off.
        let _ = disable_raw_mode();
        enable_raw_mode()?;
        Self::take()?;
        if self.mouse {
            execute!(stdout(), EnableMouseCapture)?;
        }
        self.forget()
    }

    fn is_ours(&self) -> bool {
        TAKEN.load(Ordering::SeqCst)
    }
}

/// Whether a program in the same session, normally a shell, started this process. Without a shell, no program would
/// continue the console after it was stopped.
pub fn has_shell() -> bool {
    // rustix cannot be used for this: in a container that was entered from another session, the session id is 0, and
    // the process id type of rustix panics on 0 in a debug build.
    let parent = getppid();
    // The parent's id is also 0 if the parent is outside the container, and `getsid(0)` would mean this process.
    if parent.as_raw() == 0 {
        return false;
    }
    matches!((getsid(None), getsid(Some(parent))), (Ok(ours), Ok(theirs)) if ours == theirs)
}
