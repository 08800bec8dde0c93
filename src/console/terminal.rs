//! The terminal, taken and always restored: raw mode, the alternate screen, bracketed paste, a hidden
//! cursor. Draws in one synchronized update. Knows nothing of what is drawn.

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
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::{Position, Rect};
use rustix::process::{Signal, getpid, kill_process};

use crate::output::{Waiting, stdout};

/// Whether the terminal is taken now. Static, because the panic hook needs it too.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What the loop draws on: the real terminal, or a test's.
pub trait Screen {
    type Error: std::error::Error + Send + Sync + 'static;

    /// Draws what changed.
    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), Self::Error>;

    /// Forgets what the terminal shows, so that the next draw draws everything.
    fn forget(&mut self) -> Result<(), Self::Error>;

    /// Its columns and rows.
    fn size(&self) -> Result<(u16, u16), Self::Error>;

    /// Puts text on the terminal's clipboard.
    fn copy(&mut self, text: &str) -> Result<(), Self::Error>;

    /// Rings the bell once.
    fn ring(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Receives clicks and wheel turns, or leaves them to the terminal.
    fn mouse(&mut self, _wanted: bool) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Restores the terminal and stops this process. Takes the terminal again when the process continues.
    fn suspend(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Takes the terminal again, whatever other programs did to it meanwhile.
    fn resume(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether the terminal is still taken. A panic elsewhere restores it while the loop runs.
    fn is_ours(&self) -> bool {
        true
    }
}

/// Why the console cannot be opened here.
#[derive(Debug, thiserror::Error)]
pub enum NoTerminal {
    /// The output would go into a file or to another program.
    #[error("the console needs a terminal, and standard output is not one")]
    Screen,
    /// No keys can be read.
    #[error(
        "the console reads keys from a terminal: standard input is not one, and this process has no controlling \
         terminal (/dev/tty: {0}); ssh -t and docker exec -it give one"
    )]
    Keyboard(io::Error),
    /// `TERM` says that the terminal cannot be drawn on.
    #[error(
        "the console cannot draw on this terminal: TERM is {0}; set it to what the terminal is, for example \
         TERM=xterm-256color"
    )]
    Dumb(&'static str),
}

/// Whether the console can be opened here. Writes nothing to the terminal.
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

/// The real terminal, taken. Restored when dropped.
#[derive(Debug)]
pub struct Terminal {
    // Never dropped: if ratatui cannot restore the cursor, it prints to standard error, and it panics
    // when the terminal is gone, in the middle of the shutdown.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Waiting<Stdout>>>>,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal.
    pub fn enter() -> io::Result<Self> {
        // The theme alone decides about colours: with NO_COLOR, crossterm would also reset bold and
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
                // Another program may already have switched on raw mode.
                TAKEN.store(true, Ordering::SeqCst);
                restore();
                Err(error)
            }
        }
    }

    /// Takes the terminal until [`restore`]. The alternate screen is entered only once: entering it
    /// again would lose the shell's cursor position.
    fn take() -> io::Result<()> {
        if !TAKEN.swap(true, Ordering::SeqCst) {
            execute!(stdout(), EnterAlternateScreen)?;
        }
        execute!(stdout(), EnableBracketedPaste, cursor::Hide)
    }

    /// Restores the terminal.
    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// From now on any panic restores the terminal before it is reported; the loop notices and ends.
/// Has an effect once. Call it after the reporting hook was installed.
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

/// Restores the terminal if it is taken. For panic hooks: safe to call at any time and twice. Errors,
/// for example because the terminal is gone, are ignored.
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
        // Also after a failed draw: a terminal that waits for the end of an update shows nothing.
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    fn forget(&mut self) -> io::Result<()> {
        // Not `clear`: that asks the terminal for its cursor position, and the task that reads the keys
        // would read the answer.
        let size = self.inner.size()?;
        self.inner.resize(Rect::from((Position::ORIGIN, size)))
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        // A multiplexer keeps it, and passes it on only if configured to.
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
        // The kernel delivers the signal to the main thread, which runs the loop: it stops in this call.
        kill_process(getpid(), Signal::TSTP)?;
        self.resume()
    }

    fn resume(&mut self) -> io::Result<()> {
        // crossterm would not set a mode again that it believes is on, although a shell has changed it.
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

/// Whether a shell can take the terminal: a program of the same session started this one. Without
/// one, nothing would ever continue a stopped console.
pub fn has_shell() -> bool {
    // Not by rustix: in a container that was entered from another session, the session id is 0, which
    // its process id type does not allow (it panics in a debug build).
    let parent = getppid();
    // The parent is also 0 when it is outside the container, and `getsid(0)` would mean this process.
    if parent.as_raw() == 0 {
        return false;
    }
    matches!((getsid(None), getsid(Some(parent))), (Ok(ours), Ok(theirs)) if ours == theirs)
}

/// A screen over any backend, without a terminal: what tests draw on.
#[derive(Debug)]
pub struct Offscreen<B: Backend> {
    inner: ratatui::Terminal<B>,
    /// The text that was copied last.
    pub copied: Option<String>,
    /// How often the bell rang.
    pub rung: u32,
}

impl<B: Backend> Offscreen<B> {
    /// A screen over `backend`.
    pub fn new(backend: B) -> Result<Self, B::Error> {
        ratatui::Terminal::new(backend).map(|inner| Self {
            inner,
            copied: None,
            rung: 0,
        })
    }
}

impl<B: Backend> Screen for Offscreen<B>
where
    B::Error: Send + Sync + 'static,
{
    type Error = B::Error;

    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), B::Error> {
        self.inner.draw(render).map(|_| ())
    }

    fn forget(&mut self) -> Result<(), B::Error> {
        self.inner.clear()
    }

    fn size(&self) -> Result<(u16, u16), B::Error> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    fn ring(&mut self) -> Result<(), B::Error> {
        self.rung += 1;
        Ok(())
    }

    fn copy(&mut self, text: &str) -> Result<(), B::Error> {
        self.copied = Some(text.to_owned());
        Ok(())
    }
}
