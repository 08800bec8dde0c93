//! Observation: subscribes to sources that report changes, polls the others, and assembles the snapshots that the
//! console and the command line show. It uses ports, nouns and the engine's sites, but no adapter, console or command
//! line. Every source has its own state: if it stops answering, its data is marked as stale, not dropped.

mod archiving;
mod assemble;
mod candidate;
mod clocks;
mod last_lines;
mod observing;
mod once;
mod opening;
mod outbox;
mod proving;
mod recording;
mod registry;
mod releases;
mod router;
mod runtime;
mod sealing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use archiving::{Archive, ArchiveProblem, Keeping};
pub use assemble::Frame;
pub use observing::Observing;
pub use once::{TIMEOUT, once};
pub use outbox::{Channel, Outbox};
pub use recording::{Opens, Recorder};
pub use sealing::{Sealed, seal};

use crate::inventory::{Target, World};
use crate::ports::{RegistryReader, RuntimeReader};
use crate::release::{Engine, Releases, Site};
use assemble::{Assembly, Part, Source};
use clocks::Ask;

/// How many answers may wait for the assembly.
const PARTS: usize = 256;
/// The first pause after a failure; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest pause after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A running observation. Dropping it stops the observation.
#[derive(Debug)]
pub struct Watching {
    pub world: watch::Receiver<Arc<World>>,
    /// The newest release of each target, from the journals.
    pub releases: watch::Receiver<Arc<Releases>>,
    /// The target on screen, which is polled more often.
    pub focus: watch::Sender<Option<Target>>,
    _tasks: DropGuard,
}

/// Starts to observe every site of an engine. Only the runtimes are observed before `opened` resolves: the connections
/// to two hundred proxies would delay the first frame.
pub fn start(
    engine: &Engine,
    frame: Frame,
    opened: impl Future<Output = ()> + Send + 'static,
) -> Watching {
    let sites: Vec<Site> = engine.sites().cloned().collect();
    let clock = Arc::clone(engine.clock());
    let mut assembly = Assembly::new(frame, &sites, Arc::clone(&clock));
    let (publish, world) = watch::channel(Arc::new(assembly.world()));
    let (publish_releases, releases) = watch::channel(Arc::default());
    let (focus, focused) = watch::channel(None);
    let (parts, mut arriving) = mpsc::channel::<Part>(PARTS);
    let cancelled = CancellationToken::new();
    let opened = opened.boxed().shared();
    let spawn_now = |task: BoxFuture<'static, ()>| {
        let cancelled = cancelled.clone();
        tokio::spawn(async move { cancelled.run_until_cancelled(task).await });
    };
    let spawn = |task: BoxFuture<'static, ()>| {
        let opened = opened.clone();
        let observe = async move {
            opened.await;
            task.await;
        };
        spawn_now(observe.boxed());
    };
    for (reader, targets) in all_clocks(&sites) {
        let task = clocks::watch(reader, targets, parts.clone(), Arc::clone(&clock));
        spawn(task.boxed());
    }
    // Runtimes take the longest to answer, and there are only a few of them.
    for (engine, targets) in engines(&sites) {
        let task = runtime::watch(engine, targets, parts.clone(), Arc::clone(&clock));
        spawn_now(task.boxed());
    }
    for (store, targets) in stores(sites.iter()) {
        let registered = sites
            .iter()
            .filter(|site| targets.contains(&site.definition.target))
            .cloned()
            .collect();
        let task = registry::watch(store, registered, parts.clone(), Arc::clone(&clock));
        spawn(task.boxed());
    }
    for (place, site) in (0..).zip(sites) {
        let task = router::watch(
            site,
            place,
            parts.clone(),
            world.clone(),
            focused.clone(),
            Arc::clone(&clock),
        );
        spawn(task.boxed());
    }
    let assembling = async move {
        while let Some(part) = arriving.recv().await {
            assembly.add(part);
            while let Ok(part) = arriving.try_recv() {
                assembly.add(part);
            }
            // The releases are published before the world, so that a released lock never shows before the end of its
            // release.
            publish_releases.send_if_modified(|published| {
                let differs = **published != *assembly.releases();
                if differs {
                    *published = Arc::new(assembly.releases().clone());
                }
                differs
            });
            publish.send_if_modified(|published| {
                let world = assembly.world();
                let differs = **published != world;
                if differs {
                    *published = Arc::new(world);
                }
                differs
            });
        }
    };
    spawn(assembling.boxed());
    Watching {
        world,
        releases,
        focus,
        _tasks: cancelled.drop_guard(),
    }
}

/// Each runtime once, with the targets that run on it.
fn engines(sites: &[Site]) -> Vec<(Arc<dyn RuntimeReader>, Vec<Target>)> {
    grouped(sites.iter(), |site| &site.read.runtime)
}

/// Each store once, with the targets that are registered in it.
pub fn stores<'a>(
    sites: impl Iterator<Item = &'a Site>,
) -> Vec<(Arc<dyn RegistryReader>, Vec<Target>)> {
    grouped(sites, |site| &site.read.registry)
}

/// The clock of each runtime and each store, with the targets that depend on it.
fn all_clocks(sites: &[Site]) -> Vec<((Source, Ask), Vec<Target>)> {
    let of_engines = engines(sites).into_iter().map(|(engine, targets)| {
        let ask: Ask = Box::new(move || {
            let engine = Arc::clone(&engine);
            async move { engine.clock().await }.boxed()
        });
        ((Source::Runtime, ask), targets)
    });
    let of_stores = stores(sites.iter()).into_iter().map(|(store, targets)| {
        let ask: Ask = Box::new(move || {
            let store = Arc::clone(&store);
            async move { store.clock().await }.boxed()
        });
        ((Source::Registry, ask), targets)
    });
    of_engines.chain(of_stores).collect()
}

fn grouped<'a, T: ?Sized>(
    sites: impl Iterator<Item = &'a Site>,
    of: fn(&Site) -> &Arc<T>,
) -> Vec<(Arc<T>, Vec<Target>)> {
    let mut groups: Vec<(Arc<T>, Vec<Target>)> = Vec::new();
    for site in sites {
        let target = site.definition.target.clone();
        match groups
            .iter_mut()
            .find(|(source, _)| Arc::ptr_eq(source, of(site)))
        {
            Some((_, targets)) => targets.push(target),
            None => groups.push((Arc::clone(of(site)), vec![target])),
        }
    }
    groups
}

/// The message for a source that did not answer in time.
fn too_long(within: Duration) -> String {
    format!("no answer within {within:?}")
}

/// The pause after this many failures in a row.
pub fn wait_after(failures: u32) -> Duration {
    FIRST_WAIT
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)))
        .min(LONGEST_WAIT)
}
