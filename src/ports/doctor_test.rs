//! The tests of `greenroom doctor`. Each adapter lists what Greenroom needs from its system, and tests it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Failure, Result};

/// The result of a test.
#[derive(Debug)]
pub enum DoctorResult {
    /// The test passed. The text says what was observed.
    Works(String),
    /// The test failed.
    Failed(Failure),
    /// The test was not run. The text says why.
    NotTried(String),
}

impl From<Result<String>> for DoctorResult {
    fn from(result: Result<String>) -> Self {
        result.map_or_else(Self::Failed, Self::Works)
    }
}

/// One test. The test starts when `result` is awaited, and removes everything that it has created.
#[expect(missing_debug_implementations, reason = "holds a future")]
pub struct DoctorTest<'a> {
    /// The name of the test, in one or two words.
    pub name: &'static str,
    /// The server that is tested, with its address; empty if no server is involved.
    pub at: String,
    pub result: BoxFuture<'a, DoctorResult>,
}

impl<'a> DoctorTest<'a> {
    pub fn new<P: Into<DoctorResult> + 'a>(
        name: &'static str,
        result: impl Future<Output = P> + Send + 'a,
    ) -> Self {
        let result = result.map(Into::into).boxed();
        Self {
            name,
            at: String::new(),
            result,
        }
    }

    /// Adds the address of the tested server, which is shown if no answer arrives.
    #[must_use]
    pub fn at(self, at: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            ..self
        }
    }
}
