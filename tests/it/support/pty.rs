//! The real binary in a pseudo-terminal: keys in, a screen out. Blocking: a test waits for a state
//! of the screen, is woken by each byte that arrives, and never sleeps.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use vt100::{Parser, Screen};

/// The output of the program.
struct Seen {
    parser: Parser,
    raw: Vec<u8>,
    ended: bool,
}

impl Seen {
    /// Whether no draw is under way. A terminal with synchronized updates shows nothing of a draw
    /// before its end, and no test should see half a screen.
    fn is_whole(&self) -> bool {
        let last = |sequence: &[u8]| {
            let mut windows = self.raw.windows(sequence.len());
            windows.rposition(|bytes| bytes == sequence)
        };
        self.ended || last(b"\x1b[?2026h") <= last(b"\x1b[?2026l")
    }
}

/// How long to wait for the end of a draw.
const WHOLE: Duration = Duration::from_secs(5);

/// A program on its own terminal. Dropping this kills the program.
pub(crate) struct Pty {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl Pty {
    /// Starts the `greenroom` under test. The size is columns, rows; `NO_COLOR` is not inherited.
    pub(crate) fn greenroom(
        arguments: &[&str],
        environment: &[(&str, &str)],
        size: (u16, u16),
    ) -> Self {
        Self::start(
            env!("CARGO_BIN_EXE_greenroom"),
            arguments,
            environment,
            size,
        )
    }

    pub(crate) fn start(
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        size: (u16, u16),
    ) -> Self {
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.cwd(std::env::current_dir().expect("a working directory"));
        for (name, value) in environment {
            command.env(name, value);
        }

        let pair = native_pty_system()
            .openpty(pty_size(size))
            .expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program");
        // If we kept it open, the reader would never see the end of the program's side.
        drop(pair.slave);
        let output = pair.master.try_clone_reader().expect("its output");
        let keyboard = pair.master.take_writer().expect("its keyboard");
        let (rows, columns) = grid(size);
        let seen = Arc::new((
            Mutex::new(Seen {
                parser: Parser::new(rows, columns, 0),
                raw: Vec::new(),
                ended: false,
            }),
            Condvar::new(),
        ));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || read_all(output, &shared));
        Self {
            master: pair.master,
            keyboard,
            child,
            seen,
        }
    }

    /// Types text as it is, and keys as the terminal sends them, e.g. `"\r"`, `"\x1b"`, `"\x1b[A"`.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .and_then(|()| self.keyboard.flush())
            .expect("the program's keyboard");
    }

    /// Waits until the screen fulfils a condition; otherwise fails with `what` and the current
    /// screen.
    pub(crate) fn wait_for(&self, what: &str, deadline: Duration, holds: impl Fn(&Screen) -> bool) {
        self.wait(what, deadline, |seen| holds(seen.parser.screen()));
    }

    /// Waits until a text is on the screen, within one line.
    pub(crate) fn wait_for_text(&self, text: &str, deadline: Duration) {
        self.wait_for(text, deadline, |screen| screen.contents().contains(text));
    }

    /// The screen as text, one row per line, without trailing blanks.
    pub(crate) fn screen(&self) -> String {
        self.read_screen(Screen::contents)
    }

    /// Reads the screen while no draw is under way.
    pub(crate) fn read_screen<T>(&self, read: impl FnOnce(&Screen) -> T) -> T {
        let seen = self.seen();
        let part_of_a_draw = |seen: &mut Seen| !seen.is_whole();
        let waited = self.seen.1.wait_timeout_while(seen, WHOLE, part_of_a_draw);
        read(waited.expect("the lock is not poisoned").0.parser.screen())
    }

    /// Every byte that the program has written.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen().raw.clone()
    }

    /// Gives the terminal another size, columns and rows, and tells the program.
    pub(crate) fn resize(&self, size: (u16, u16)) {
        let (rows, columns) = grid(size);
        self.seen().parser.set_size(rows, columns);
        self.master.resize(pty_size(size)).expect("another size");
    }

    /// For signals.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.process_id().expect("a process")
    }

    /// Waits for the program's end and for all its output; fails with the screen otherwise.
    pub(crate) fn exit_status(&mut self, deadline: Duration) -> ExitStatus {
        let until = Instant::now() + deadline;
        self.wait("the program's end", deadline, |seen| seen.ended);
        loop {
            if let Some(status) = self.child.try_wait().expect("its exit status") {
                return status;
            }
            // It has closed its terminal, so it is ending, and no byte wakes us for its last
            // moment.
            assert!(Instant::now() < until, "it closed its terminal and runs on");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.0.lock().expect("the lock is not poisoned")
    }

    fn wait(&self, what: &str, deadline: Duration, holds: impl Fn(&Seen) -> bool) {
        let until = Instant::now() + deadline;
        let mut seen = self.seen();
        while !(seen.is_whole() && holds(&seen)) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.ended,
                "{what}: not {}; the screen:\n{}",
                if seen.ended {
                    "before the program ended".to_owned()
                } else {
                    format!("within {deadline:?}")
                },
                seen.parser.screen().contents()
            );
            seen = self
                .seen
                .1
                .wait_timeout(seen, left)
                .expect("the lock is not poisoned")
                .0;
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may have ended meanwhile. A test that already fails must not panic again here.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn read_all(mut output: Box<dyn Read + Send>, seen: &(Mutex<Seen>, Condvar)) {
    let mut buffer = [0; 8192];
    loop {
        // The end of a pseudo-terminal is an error on Linux.
        let count = output.read(&mut buffer).unwrap_or(0);
        let mut now = seen.0.lock().expect("the lock is not poisoned");
        now.parser.process(&buffer[..count]);
        now.raw.extend_from_slice(&buffer[..count]);
        now.ended = count == 0;
        seen.1.notify_all();
        if count == 0 {
            return;
        }
    }
}

fn grid((columns, rows): (u16, u16)) -> (NonZeroU16, NonZeroU16) {
    (
        NonZeroU16::new(rows).expect("rows"),
        NonZeroU16::new(columns).expect("columns"),
    )
}

fn pty_size((columns, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}
