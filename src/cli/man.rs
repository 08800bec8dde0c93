//! Completions and the manual page, made from the arguments themselves.

use std::io::Write;

use clap::CommandFactory;

use super::Exit;
use super::arguments::Arguments;

pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "greenroom", &mut text);
    write_out(&text)
}

pub(super) fn man() -> Exit {
    let mut text = Vec::new();
    match clap_mangen::Man::new(Arguments::command()).render(&mut text) {
        Ok(()) => write_out(&text),
        Err(error) => {
            warn_line!("greenroom: the manual page: {error}");
            Exit::Failed
        }
    }
}

fn write_out(text: &[u8]) -> Exit {
    match std::io::stdout().write_all(text) {
        Ok(()) => Exit::Done,
        // The reader has what it wanted.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            warn_line!("greenroom: writing: {error}");
            Exit::Failed
        }
    }
}
