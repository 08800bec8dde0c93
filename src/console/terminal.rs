//! The terminal, taken and always given back: raw mode, the alternate screen, bracketed paste, a
//! hidden cursor. Draws in one synchronized piece. Knows nothing of what is drawn.

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

/// Whether the terminal is taken now. Static, because a panic hook has to know it too.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What the loop draws on: the real terminal, or a test's.
pub trait Screen {
    /// What goes wrong.
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

    /// Has clicks and the wheel reported, or leaves them to the terminal.
    fn mouse(&mut self, _wanted: bool) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Gives the terminal back and stops this process; takes it again when that goes on.
    fn suspend(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Takes the terminal again, whatever others did to it meanwhile.
    fn resume(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether the terminal is still taken: a panic elsewhere gives it back while the loop runs.
    fn is_ours(&self) -> bool {
        true
    }
}

/// Why the console cannot be opened here.
#[derive(Debug, thiserror::Error)]
pub enum NoTerminal {
    /// What is drawn would go into a file or to a program.
    #[error("the console needs a terminal, and standard output is not one")]
    Screen,
    /// No keys can be read.
    #[error(
        "the console reads keys from a terminal: standard input is not one, and this process has no controlling \
         terminal (/dev/tty: {0}); ssh -t and docker exec -it give one"
    )]
    Keyboard(io::Error),
    /// The terminal says that it cannot be drawn on.
    #[error(
        "the console cannot draw on this terminal: TERM is {0}; set it to what the terminal is, for example \
         TERM=xterm-256color"
    )]
    Dumb(&'static str),
}

/// Whether the console can be opened here. Writes nothing.
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

/// The real terminal, taken. Given back when dropped.
#[derive(Debug)]
pub struct Terminal {
    // Never dropped: its own way of giving the cursor back prints to standard error when that
    // fails, and panics when the terminal is gone, in the middle of whatever has to be ended.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Waiting<Stdout>>>>,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal.
    pub fn enter() -> io::Result<Self> {
        // The theme alone decides about colours: what crossterm does on NO_COLOR resets bold and
        // reverse too.
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
                // Raw mode may be on already, whoever has the screen.
                TAKEN.store(true, Ordering::SeqCst);
                restore();
                Err(error)
            }
        }
    }

    /// Makes the terminal ours until [`restore`]. The alternate screen is entered only once:
    /// entering it again would lose where the shell's cursor was.
    fn take() -> io::Result<()> {
        if !TAKEN.swap(true, Ordering::SeqCst) {
            execute!(stdout(), EnterAlternateScreen)?;
        }
        execute!(stdout(), EnableBracketedPaste, cursor::Hide)
    }

    /// Gives the terminal back.
    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// From now on a panic anywhere gives the terminal back before it is reported; the loop notices
/// and ends. Once, after the hook that reports has been installed.
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

/// Gives the terminal back if it is taken. For panic hooks: safe to call at any time and twice;
/// what cannot be done (the terminal is gone) is not tried again.
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
        // Also after a failed draw: a terminal left waiting for the end of an update shows nothing.
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    fn forget(&mut self) -> io::Result<()> {
        // Not `clear`: that asks the terminal where its cursor is, and the answer would be read by
        // whoever reads the keys.
        let size = self.inner.size()?;
        self.inner.resize(Rect::from((Position::ORIGIN, size)))
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        // A multiplexer takes it for itself and hands it on only where it is told to.
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
        // The loop runs on the thread that the kernel asks first: it stands still in this call.
        kill_process(getpid(), Signal::TSTP)?;
        self.resume()
    }

    fn resume(&mut self) -> io::Result<()> {
        // A mode that is on already would not be set again, although a shell has changed it.
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

/// Whether there is somebody to give the terminal back to: a program of the same session started
/// this one. Where there is none, nothing would ever let it go on.
pub fn has_shell() -> bool {
    // Not by rustix: in a container that a session outside has entered, a session's number is 0,
    // which its type of process numbers does not allow (it panics in a debug build).
    let parent = getppid();
    // 0 as well: a parent that is outside, and to `getsid` the one who asks.
    if parent.as_raw() == 0 {
        return false;
    }
    matches!((getsid(None), getsid(Some(parent))), (Ok(ours), Ok(theirs)) if ours == theirs)
}

/// A screen over any backend, without a terminal: what tests draw on.
#[derive(Debug)]
pub struct Offscreen<B: Backend> {
    inner: ratatui::Terminal<B>,
    /// What was copied last.
    pub copied: Option<String>,
    /// How often the bell rang.
    pub rung: u32,
}

impl<B: Backend> Offscreen<B> {
    /// Over a backend.
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
