//! What `greenroom doctor` tries: each system names what Greenroom relies on there, and proves it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Failure, Result};

/// What came of trying something.
#[derive(Debug)]
pub enum Proof {
    /// It works; what was seen.
    Works(String),
    /// It does not.
    Broken(Failure),
    /// It was not tried, and why.
    NotTried(String),
}

impl From<Result<String>> for Proof {
    fn from(result: Result<String>) -> Self {
        result.map_or_else(Self::Broken, Self::Works)
    }
}

/// One thing to try. Nothing happens before its proof is waited for, and what it makes it removes again.
#[expect(missing_debug_implementations, reason = "holds a future")]
pub struct Trial<'a> {
    /// What is tried, in one or two words.
    pub what: &'static str,
    /// Which server is asked for it, and at which address; empty where none is.
    pub at: String,
    /// Tries it.
    pub proof: BoxFuture<'a, Proof>,
}

impl<'a> Trial<'a> {
    /// Something to try.
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

    /// The same, with the server that is asked: it is named where no answer comes.
    #[must_use]
    pub fn at(self, at: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            ..self
        }
    }
}
