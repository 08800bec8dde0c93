//! Measures how long drawing a frame and applying an update take, with the hand-made fixtures of
//! the tests and with many more targets: `cargo bench --bench console`. The budget is 8 ms a frame
//! for 200 targets and 1,000 instances.
#![expect(
    clippy::expect_used,
    reason = "a benchmark may panic when its set-up fails"
)]

#[path = "../it/console/world.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
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

/// The fixtures of the tests plus this many services, each in every environment.
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

/// Columns, rows, and services in addition to the four of the tests.
const SCREENS: [(u16, u16, usize); 4] = [(118, 34, 0), (300, 80, 0), (118, 34, 70), (300, 80, 340)];

/// Draws one frame into a buffer and compares it with the last one.
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

/// Applies one observation in which a single target differs.
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
