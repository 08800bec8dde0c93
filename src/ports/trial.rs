//! The tests of `greenroom doctor`: each system names what Greenroom relies on there, and proves it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Failure, Result};

/// The result of a trial.
#[derive(Debug)]
pub enum Proof {
    /// It works; says what was seen.
    Works(String),
    /// It does not work.
    Broken(Failure),
    /// It was not tried; says why.
    NotTried(String),
}

impl From<Result<String>> for Proof {
    fn from(result: Result<String>) -> Self {
        result.map_or_else(Self::Broken, Self::Works)
    }
}

/// One thing to try. It starts when its proof is awaited, and removes whatever it creates.
#[expect(missing_debug_implementations, reason = "holds a future")]
pub struct Trial<'a> {
    /// The name of the trial, in one or two words.
    pub what: &'static str,
    /// The server that is asked, with its address; empty if none is.
    pub at: String,
    /// Runs the trial.
    pub proof: BoxFuture<'a, Proof>,
}

impl<'a> Trial<'a> {
    /// A trial.
    pub fn new<P: Into<Proof> + 'a>(
        what: &'static str,
        proof: impl Future<Output = P> + Send + 'a,
    ) -> Self {
        let proof = proof.map(Into::into).boxed();
        Self {
            what,
            at: String::new(),
            proof,
        }
    }

    /// Adds the server that is asked. It is named if no answer comes.
    #[must_use]
    pub fn at(self, at: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            ..self
        }
    }
}
