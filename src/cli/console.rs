//! `greenroom` without a verb: the console.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::Exit;
use super::arguments::Common;
use super::looks::{self, Outfit};
use crate::console::run::Ears;
use crate::console::{Farewell, Mode, Model, Pace, Terminal, input, run as run_console, terminal};
use crate::settings::Settings;
use crate::wire::{self, App, EngineDesk};
use crate::{diagnostics, ports, watchers};

/// How long a console that was ended by a signal may take to let go of its releases.
const LET_GO: Duration = Duration::from_secs(4);

pub(super) async fn run(common: &Common) -> Exit {
    let loaded = match super::open::load(common) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if let Err(why) = terminal::check() {
        warn_line!("greenroom: {why}\nWithout the console: greenroom status, greenroom --help");
        return Exit::Usage;
    }
    let app = match wire::build(&loaded.settings, common.read_only).await {
        Ok(app) => app,
        Err(report) => {
            warn_line!("greenroom: {report}");
            return Exit::Usage;
        }
    };
    match open(&app, &loaded.settings, app.read_only.clone()).await {
        Ok(Farewell::Quit) => Exit::Done,
        Ok(Farewell::Signal(_) | Farewell::TerminalLost) => Exit::Cancelled,
        Ok(Farewell::Panicked) => {
            warn_line!("greenroom: a part of the console failed; its report is in the log");
            Exit::NeedsPerson
        }
        Err(report) => {
            warn_line!("greenroom: {report:#}");
            Exit::Failed
        }
    }
}

/// Opens the console on an application that is built, until it is left.
pub(super) async fn open(
    app: &App,
    settings: &Settings,
    read_only: Option<String>,
) -> color_eyre::Result<Farewell> {
    let Outfit {
        wardrobe,
        looks,
        keymap,
        remarks,
    } = looks::outfit(&settings.console)?;
    let (open, opened) = oneshot::channel();
    let begun = opened.map(|_| ());
    let watching = watchers::start(&app.engine, app.frame.clone(), begun);
    let (keeping, kept) = app.keep_up(&watching);
    let keeping = tokio::spawn(keeping);
    let clock: Arc<dyn ports::Clock> = Arc::clone(app.engine.clock());
    let mode = match read_only {
        Some(_) => Mode::ReadOnly,
        None => Mode::Armable(settings.console.armed),
    };
    let mut model = Model::new(app.engine.operator().clone(), mode, clock.now(), (0, 0));
    app.engine.console().clone_into(&mut model.console);
    model.read_only = read_only.unwrap_or_default();
    model.keymap = Arc::new(keymap);
    model.looks = looks;
    model.has_shell = terminal::has_shell();
    model.remark(&remarks);
    let ears = Ears {
        input: input::listen()?,
        world: watching.world.clone(),
        in_flight: app
            .targets()
            .filter_map(|target| app.engine.active(target))
            .collect(),
        open: Some(open),
    };
    let desk = EngineDesk::new(Arc::clone(&app.engine), &watching)
        .telling(diagnostics::said())
        .browsing(app.archive.clone(), kept);
    let looking_on = wire::look_on(Arc::clone(&app.engine), watching.focus.subscribe());
    let looking_on = tokio::spawn(looking_on);
    terminal::restore_on_panic();
    let mut terminal = Terminal::enter()?;
    let farewell = run_console(
        &mut terminal,
        ears,
        Arc::new(desk),
        model,
        &wardrobe,
        Pace::default(),
        || clock.now(),
    )
    .await;
    terminal.leave();
    let reason = match &farewell {
        Ok(Farewell::Signal(name)) => Some(format!("the console was ended by {name}")),
        Ok(Farewell::TerminalLost) => Some("the console lost its terminal".to_owned()),
        _ => None,
    };
    if let Some(reason) = reason {
        app.engine.let_go(&reason, LET_GO).await;
    }
    looking_on.abort();
    let ((), untold, ()) = tokio::join!(app.engine.leave_company(), app.all_told(), app.recorded());
    if let Some(untold) = untold {
        warn_line!("greenroom: {untold}");
    }
    keeping.abort();
    Ok(farewell?)
}
