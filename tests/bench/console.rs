//! How long a frame and an update take, over the hand-made world of the tests and over a large one:
//! `cargo bench --bench console`. The budget is 8 ms a frame for 200 targets and 1,000 instances.
#![expect(clippy::expect_used, reason = "a benchmark ends where it cannot go on")]

#[path = "../it/console/world.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod world;

use std::sync::Arc;

use divan::{Bencher, black_box};
use greenroom::console::event::Event;
use greenroom::console::update::update;
use greenroom::console::{Charset, Model, Theme, view};
use greenroom::history::Step;
use greenroom::inventory::{Tier, World};
use ratatui::backend::TestBackend;

fn main() {
    divan::main();
}

/// The world of the tests with so many services more, each in all environments.
fn crowded(services: usize) -> World {
    let mut world = world::world(world::with_candidate(world::web_production()));
    for number in 0..services {
        let name = format!("service-{number:03}");
        world.services.push(name.parse().expect("a name"));
        for (environment, tier) in world.environments.clone() {
            let target = world::target(&name, environment.as_str());
            let snapshot = world::settled(&target, tier, "1.8.2");
            world.snapshots.insert(target, Arc::new(snapshot));
        }
    }
    world
}

fn model(size: (u16, u16), services: usize) -> Model {
    let mut model = world::model(size, world::with_candidate(world::web_production()));
    world::tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(world::asking(Step::Switch))),
    );
    world::tell(
        &mut model,
        Event::WorldObserved(Arc::new(crowded(services))),
    );
    model
}

fn theme() -> Theme {
    world::theme("dark", Charset::Unicode)
}

/// Columns, rows, services beside the four of the tests.
const SCREENS: [(u16, u16, usize); 4] = [(118, 34, 0), (300, 80, 0), (118, 34, 70), (300, 80, 340)];

/// One frame, drawn into a buffer and compared with the last one.
#[divan::bench(args = SCREENS)]
fn frame(bencher: Bencher<'_, '_>, (width, height, services): (u16, u16, usize)) {
    let model = model((width, height), services);
    let theme = theme();
    let mut terminal = ratatui::Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    bencher.bench_local(|| {
        terminal
            .draw(|frame| view::draw(black_box(&model), &theme, frame))
            .expect("drawn");
    });
}

/// One observation of the world, with nothing changed but one target.
#[divan::bench(args = [4, 70, 340])]
fn observed(bencher: Bencher<'_, '_>, services: usize) {
    let mut model = model((118, 34), services);
    let mut world = crowded(services);
    bencher.bench_local(|| {
        let changed = world::target("web", world::PRODUCTION);
        let mut snapshot = world::settled(&changed, Tier::Protected, "1.8.2");
        snapshot.at = world::later(1);
        world.snapshots.insert(changed, Arc::new(snapshot));
        let event = Event::WorldObserved(Arc::new(world.clone()));
        black_box(update(&mut model, event, world::now()));
    });
}
