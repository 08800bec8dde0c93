//! `greenroom` without a verb: the console.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Exit;
use super::arguments::Common;
use super::looks::{self, ConsoleSetup};
use super::sample_push::next_push;
use crate::console::event::Input;
use crate::console::model::{Notice, ViewState, Weight};
use crate::console::run::Inputs;
use crate::console::terminal::Screen as _;
use crate::console::{
    ExitReason, Mode, Model, Pace, Terminal, input, run as run_console, terminal,
};
use crate::settings::{Loaded, Request, Settings};
use crate::wire::{self, App, EngineBackend};
use crate::{diagnostics, ports, watchers};

/// How long a console that did not end normally may take to release its locks.
const LOCK_RELEASE_TIMEOUT: Duration = Duration::from_secs(4);

pub(super) async fn run(common: &Common) -> Exit {
    let request = match super::open::request(common) {
        Ok(request) => request,
        Err(exit) => return exit,
    };
    let loaded = match super::open::load(common) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if let Err(why) = terminal::check() {
        warn_line!("greenroom: {why}\nWithout the console: greenroom status, greenroom --help");
        return Exit::Usage;
    }
    let app = match wire::build(&loaded.settings, common.read_only) {
        Ok(app) => app,
        Err(report) => {
            warn_line!("greenroom: {report}");
            return Exit::Usage;
        }
    };
    let mut used = InUse { app, loaded };
    let mut session = Session::default();
    loop {
        let configuration = Some((&request, &used.loaded));
        let (app, settings) = (&used.app, &used.loaded.settings);
        match run_session(app, settings, configuration, &mut session).await {
            Ok(ExitReason::Reload(view)) => {
                let message = used.reload(&request, common.read_only);
                session.return_to = Some((*view, message));
            }
            Ok(ExitReason::Quit) => return Exit::Done,
            Ok(ExitReason::Signal(_) | ExitReason::TerminalLost) => return Exit::Cancelled,
            Ok(ExitReason::Panicked) => {
                warn_line!(
                    "greenroom: the console crashed: read the crash report in the log (greenroom doctor shows its path)"
                );
                return Exit::NeedsPerson;
            }
            Err(report) => {
                // The terminal may still show the console. Dropping the terminal restores it, so that the message can
                // be read.
                drop(session.terminal.take());
                warn_line!("greenroom: {report:#}");
                return Exit::Failed;
            }
        }
    }
}

/// The configuration in use, and the application that was built from it.
struct InUse {
    app: App,
    loaded: Loaded,
}

/// The message after a reload, and its importance.
type ReloadMessage = (Weight, String);

impl InUse {
    /// Reloads the configuration file, unless this console drives a release. After an error the old configuration
    /// remains in use. Returns the message for the operator.
    fn reload(&mut self, request: &Request, is_read_only: bool) -> ReloadMessage {
        let failed = "the configuration was not reloaded";
        let is_driving = |target| self.app.engine.active(target).is_some();
        if let Some(target) = self.app.targets().find(|target| is_driving(target)) {
            let text = format!(
                "{failed}: this console is driving a release of {target}. Reload when that release has ended"
            );
            return (Weight::Prominent, text);
        }
        let file = self.loaded.settings.file.display().to_string();
        let loaded = match Settings::load(request) {
            Ok(loaded) => loaded,
            Err(problems) => {
                let text = format!("{failed}: {problems}");
                return (Weight::Prominent, text);
            }
        };
        if let Err(error) = looks::load(&loaded.settings.console) {
            let text = format!("{failed}: {file} cannot be used: {error}");
            return (Weight::Prominent, text);
        }
        match wire::build(&loaded.settings, is_read_only) {
            Ok(app) => *self = Self { app, loaded },
            Err(error) => {
                let text = format!("{failed}: {file} cannot be used: {error}");
                return (Weight::Prominent, text);
            }
        }
        let file = self.loaded.settings.file.display();
        let text = match self.loaded.warnings.len() {
            0 => format!("{file} was reloaded"),
            count => {
                format!(
                    "{file} was reloaded; `greenroom config check` lists its warnings ({count})"
                )
            }
        };
        (Weight::Normal, text)
    }
}

/// The parts of the console that survive a reload: the terminal, its input, the operator's position, and the reason for
/// a read-only console.
#[derive(Default)]
struct Session {
    terminal: Option<Terminal>,
    input: Option<mpsc::Receiver<Input>>,
    return_to: Option<(ViewState, ReloadMessage)>,
    read_only: Option<String>,
}

/// Runs the console for an application that is already built, until the console ends. This console cannot reload its
/// configuration.
pub(super) async fn open(
    app: &App,
    settings: &Settings,
    read_only: Option<String>,
) -> color_eyre::Result<ExitReason> {
    let mut session = Session {
        read_only,
        ..Session::default()
    };
    run_session(app, settings, None, &mut session).await
}

/// Runs the console. After a reload, continues at the position of `session`. Restores the terminal at the end, unless
/// the console ends for a reload.
async fn run_session(
    app: &App,
    settings: &Settings,
    configuration: Option<(&Request, &Loaded)>,
    session: &mut Session,
) -> color_eyre::Result<ExitReason> {
    let ConsoleSetup {
        theme_set,
        looks,
        keymap,
        remarks,
    } = looks::load(&settings.console)?;
    let (open, opened) = oneshot::channel();
    let first_frame = opened.map(|_| ());
    let watching = watchers::start(&app.engine, app.frame.clone(), first_frame);
    let (archiving, archived) = app.update_archive(&watching);
    let archiving = tokio::spawn(archiving);
    let clock: Arc<dyn ports::Clock> = Arc::clone(app.engine.clock());
    let read_only = app.read_only.clone().or_else(|| session.read_only.clone());
    let mode = match read_only {
        Some(_) => Mode::ReadOnly,
        None => Mode::Armable(settings.console.armed),
    };
    let mut model = Model::new(app.engine.operator().clone(), mode, clock.now(), (0, 0));
    model.read_only = read_only.unwrap_or_default();
    model.keymap = Arc::new(keymap);
    model.looks = looks;
    let push_sample = next_push(settings);
    model.is_sandbox = push_sample.is_some();
    describe(&mut model, app, settings, remarks);
    if let Some((view, (weight, text))) = session.return_to.take() {
        model.come_back_to = Some(view);
        model.notice = Some(Notice::new(weight, &text, model.now));
    }
    let input = match session.input.take() {
        Some(input) => input,
        None => input::listen()?,
    };
    let mut inputs = Inputs {
        input,
        world: watching.world.clone(),
        in_flight: app
            .targets()
            .filter_map(|target| app.engine.active(target))
            .collect(),
        open: Some(open),
    };
    let mut backend = EngineBackend::new(Arc::clone(&app.engine), &watching)
        .with_diagnostics(diagnostics::logged_events())
        .browsing(app.archive.clone(), archived)
        .pushing(push_sample);
    let mut background = JoinSet::new();
    if let Some((request, loaded)) = configuration {
        let (changes, watch) = wire::watch_configuration(request.clone(), loaded.clone());
        backend = backend.reloading(changes);
        background.spawn(watch);
    }
    background.spawn(wire::report_presence(
        Arc::clone(&app.engine),
        watching.focus.subscribe(),
    ));
    terminal::restore_on_panic();
    let mut terminal = match session.terminal.take() {
        Some(terminal) => terminal,
        None => Terminal::enter()?,
    };
    let exit_reason = run_console(
        &mut terminal,
        &mut inputs,
        Arc::new(backend),
        model,
        &theme_set,
        Pace::default(),
        || clock.now(),
    )
    .await;
    if let Ok(ExitReason::Reload(_)) = &exit_reason {
        // The next console expects a terminal that handles the mouse itself.
        terminal.mouse(false)?;
        session.terminal = Some(terminal);
        session.input = Some(inputs.input);
    } else {
        terminal.leave();
    }
    let reason = lock_release_reason(&exit_reason);
    if let Some(reason) = reason {
        app.engine
            .release_locks(&reason, LOCK_RELEASE_TIMEOUT)
            .await;
    }
    background.shutdown().await;
    let ((), unsent, ()) = tokio::join!(
        app.engine.leave_presence(),
        app.wait_for_notices(),
        app.wait_for_logs()
    );
    if let Some(unsent) = unsent {
        if session.terminal.is_some() {
            tracing::warn!("{unsent}");
        } else {
            warn_line!("greenroom: {unsent}");
        }
    }
    archiving.abort();
    Ok(exit_reason?)
}

/// Completes the model: sets the name of this console, and whether there is a shell. Names the configuration file if
/// that file cannot be read again. Adds the remarks for the start: environments that are not used, and errors in themes
/// and keys.
fn describe(model: &mut Model, app: &App, settings: &Settings, remarks: Vec<String>) {
    app.engine.console().clone_into(&mut model.console);
    if settings.is_read_once {
        let file = settings.file.display().to_string();
        model.read_once = Some(crate::sanitize::sanitize(&file));
    }
    model.has_shell = terminal::has_shell();
    let refused = app.refused.iter();
    let refused = refused.flat_map(|(name, why)| {
        let why = why.iter();
        why.map(move |why| format!("the environment {name} is not used: {why}"))
    });
    model.remark(&refused.chain(remarks).collect::<Vec<_>>());
}

/// The reason why this console must release its locks; `None` if the operator quit or reloaded the configuration.
fn lock_release_reason<E>(exit_reason: &Result<ExitReason, E>) -> Option<String> {
    let Ok(exit_reason) = exit_reason else {
        // A failed draw may be the first sign of a lost terminal, so the locks are released too.
        return Some("the console lost its terminal".to_owned());
    };
    match exit_reason {
        ExitReason::Signal(name) => Some(format!("the console was ended by {name}")),
        ExitReason::TerminalLost => Some("the console lost its terminal".to_owned()),
        ExitReason::Panicked => Some("the console crashed".to_owned()),
        ExitReason::Quit | ExitReason::Reload(_) => None,
    }
}
