//! Completions and the manual page, made from the arguments themselves.

use clap::CommandFactory;

use super::Exit;
use super::arguments::Arguments;
use super::out::say_bytes;

pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "greenroom", &mut text);
    say_bytes(&text);
    Exit::Done
}

pub(super) fn man() -> Exit {
    let mut text = Vec::new();
    match clap_mangen::Man::new(Arguments::command()).render(&mut text) {
        Ok(()) => {
            say_bytes(&text);
            Exit::Done
        }
        Err(error) => {
            warn_line!("greenroom: the manual page: {error}");
            Exit::Failed
        }
    }
}
