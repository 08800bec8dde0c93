//! The record of the acts that passed the middlemen, and the act at which they stop.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// Where exactly a line stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The act does not arrive.
    Before,
    /// The act is done, and its answer is not delivered.
    After,
}

/// One moment of one act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) act: String,
    /// Which act of that name, from 1.
    pub(crate) nth: usize,
    pub(crate) moment: Moment,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        match self.nth {
            1 => write!(f, "{moment} {}", self.act),
            nth => write!(f, "{moment} {} ({nth})", self.act),
        }
    }
}

/// An act that passed.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    pub(crate) act: String,
    pub(crate) at: Instant,
    /// Whether it was forwarded.
    pub(crate) arrived: bool,
}

#[derive(Debug, Default)]
struct Book {
    passed: Vec<Passed>,
    stop_at: Option<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Stopped,
    /// The stopped act is forwarded, or dropped.
    LetGo {
        forward: bool,
    },
}

/// The record of several lines.
pub(crate) struct Ledger {
    book: Mutex<Book>,
    gate: watch::Sender<Gate>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            book: Mutex::default(),
            gate: watch::Sender::new(Gate::Open),
        }
    }
}

impl Ledger {
    /// Starts an empty record, and stops at that point.
    pub(crate) fn begin(&self, stop_at: Option<Point>) {
        *self.book() = Book {
            passed: Vec::new(),
            stop_at,
        };
        self.gate.send_replace(Gate::Open);
    }

    /// The acts since `begin`.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.book().passed.clone()
    }

    /// How many acts of this name arrived.
    pub(crate) fn arrived(&self, act: &str) -> usize {
        let book = self.book();
        let arrived = |passed: &&Passed| passed.arrived && passed.act == act;
        book.passed.iter().filter(arrived).count()
    }

    /// Whether the point was reached.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.gate.borrow() == Gate::Stopped
    }

    /// Releases the stopped act: forwards it, or drops it with its connection.
    pub(crate) fn let_go(&self, forward: bool) {
        if forward {
            let mut book = self.book();
            for passed in book.passed.iter_mut().filter(|passed| !passed.arrived) {
                passed.arrived = true;
            }
        }
        self.gate.send_replace(Gate::LetGo { forward });
    }

    /// Records an act. Returns the moment at which to stop, if this is the act.
    pub(super) fn meets(&self, act: &str) -> Option<Moment> {
        let mut book = self.book();
        let nth = 1 + book
            .passed
            .iter()
            .filter(|passed| passed.act == act)
            .count();
        let is_it = |point: &Point| point.act == act && point.nth == nth;
        let stops = book.stop_at.take_if(|point| is_it(point));
        let moment = stops.map(|point| point.moment);
        book.passed.push(Passed {
            act: act.to_owned(),
            at: Instant::now(),
            arrived: moment != Some(Moment::Before),
        });
        moment
    }

    /// Blocks until the act is released; returns whether to forward it.
    pub(super) async fn stop(&self) -> bool {
        self.gate.send_replace(Gate::Stopped);
        let mut gate = self.gate.subscribe();
        let let_go = gate.wait_for(|gate| *gate != Gate::Stopped).await;
        let_go.is_ok_and(|gate| *gate == Gate::LetGo { forward: true })
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
