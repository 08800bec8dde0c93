//! The loop of the console: it waits for an event, handles a bounded number of events, and draws the screen
//! once. The loop never waits for an effect. Tests run the same loop on a screen without a terminal.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::backend::Backend;
use super::effect::{Effect, ExitReason};
use super::event::{Event, Input};
use super::model::Model;
use super::pace::{Draws, Pace};
use super::perform::EffectRunner;
use super::terminal::Screen;
use super::theme::ThemeSet;
use super::update::update;
use super::view;
use crate::inventory::World;
use crate::release::Handle;

/// The largest number of events handled before the screen is drawn again.
const BATCH: usize = 64;

/// The sources of the loop's events, and the sender that reports the first frame.
#[derive(Debug)]
pub struct Inputs {
    pub input: mpsc::Receiver<Input>,
    pub world: watch::Receiver<Arc<World>>,
    /// The handles of releases that this process already drives when the console opens.
    pub in_flight: Vec<Handle>,
    /// Sends one message when the first frame is on the screen, so that the caller can start slow work.
    pub open: Option<oneshot::Sender<()>>,
}

/// Runs the console until it ends. The console reads the time of day only from `now`.
pub async fn run<S: Screen>(
    screen: &mut S,
    inputs: &mut Inputs,
    backend: Arc<dyn Backend>,
    mut model: Model,
    theme_set: &ThemeSet,
    pace: Pace,
    now: impl Fn() -> Timestamp,
) -> Result<ExitReason, S::Error> {
    let mut releases = backend.releases();
    let (mut effect_runner, mut answers) = EffectRunner::new(backend);
    model.size = screen.size()?;
    if model.looks.mouse {
        screen.mouse(true)?;
    }
    for handle in inputs.in_flight.drain(..) {
        effect_runner.watch_release(handle);
    }
    inputs.world.mark_changed();
    releases.mark_changed();
    let mut world_ended = false;
    let mut releases_ended = false;
    let mut dirty = true;
    let mut urgent = false;
    let mut draws = Draws::new(pace, Instant::now());
    let mut ticked = Instant::now();
    loop {
        let event = tokio::select! {
            biased;
            // Input comes first, so that many other events cannot delay a key.
            input = inputs.input.recv() => Event::Input(input.unwrap_or(Input::Lost)),
            () = sleep_until(draws.next(urgent)), if dirty => {
                if !screen.is_ours() {
                    return Ok(ExitReason::Panicked);
                }
                model.now = now();
                let theme = theme_set.get_or_first(model.theme());
                let began = Instant::now();
                screen.draw(|frame| view::draw(&model, theme, frame))?;
                model.was_drawn();
                draws.drew(began, Instant::now());
                (dirty, urgent) = (false, false);
                if let Some(open) = inputs.open.take() {
                    // The receiver may be dropped, because not every caller waits for the first frame.
                    let _ = open.send(());
                }
                continue;
            }
            changed = inputs.world.changed(), if !world_ended => {
                if changed.is_err() {
                    world_ended = true;
                    continue;
                }
                Event::WorldObserved(Arc::clone(&inputs.world.borrow_and_update()))
            }
            changed = releases.changed(), if !releases_ended => {
                if changed.is_err() {
                    releases_ended = true;
                    continue;
                }
                Event::ReleasesObserved(Arc::clone(&releases.borrow_and_update()))
            }
            () = sleep_until(next_tick(&model, pace, ticked)) => Event::Ticked,
            Some(answer) = answers.recv() => answer,
            () = effect_runner.panicked() => return Ok(ExitReason::Panicked),
        };
        ticked = Instant::now();
        dirty = true;
        let mut handled = 0;
        let mut pending = Some(event);
        while let Some(event) = pending.take() {
            urgent |= matches!(event, Event::Input(_));
            for effect in update(&mut model, event, now()) {
                let was_away = matches!(effect, Effect::Suspend | Effect::Resume);
                if let Some(exit_reason) = perform(screen, &mut effect_runner, effect)? {
                    return Ok(exit_reason);
                }
                if was_away {
                    model.size = screen.size()?;
                }
            }
            handled += 1;
            if handled < BATCH {
                let input = inputs.input.try_recv().map(Event::Input);
                pending = input.or_else(|_| answers.try_recv()).ok();
            }
        }
    }
}

/// When to update the screen without an event: every second if it shows a time in seconds, otherwise every minute,
/// because the screen always shows ages.
fn next_tick(model: &Model, pace: Pace, ticked: Instant) -> Instant {
    let wait = if model.counts_time() {
        pace.second
    } else {
        pace.second * 60
    };
    ticked + wait
}

/// Carries out an effect on the screen, or passes it to the runner. Returns a reason if the console has to end.
fn perform<S: Screen>(
    screen: &mut S,
    effect_runner: &mut EffectRunner,
    effect: Effect,
) -> Result<Option<ExitReason>, S::Error> {
    match effect {
        Effect::Leave(exit_reason) => return Ok(Some(exit_reason)),
        Effect::Repaint => screen.forget()?,
        Effect::Ask(question) => effect_runner.ask(question),
        Effect::Ring => screen.ring()?,
        Effect::Mouse(wanted) => screen.mouse(wanted)?,
        Effect::Suspend => screen.suspend()?,
        Effect::Resume => screen.resume()?,
        Effect::Copy(text) => screen.copy(&text)?,
        Effect::Cancel(group) => effect_runner.cancel(group),
        Effect::WatchRelease(handle) => effect_runner.watch_release(handle),
        Effect::Repair { plan, approval } => effect_runner.repair(plan, approval),
        Effect::Send { release, command } => effect_runner.send(release, command),
        Effect::FollowLog(source) => effect_runner.follow(source),
        Effect::LeaveLogs => effect_runner.leave_logs(),
        Effect::WatchDiagnostics(watch) => effect_runner.watch_diagnostics(watch),
        Effect::LookAt(target) => effect_runner.look_at(&target),
    }
    Ok(None)
}
