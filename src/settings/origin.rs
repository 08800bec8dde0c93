//! The origin of a value: one of the four layers, and the place where the value can be changed.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The layer of a value, and the place in that layer. Later layers override earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum Origin {
    BuiltIn,
    File {
        /// The name of the file as it was given, safe to show.
        #[serde(serialize_with = "text")]
        file: Arc<str>,
        /// The line, counted from 1; 0 for the file as a whole.
        line: usize,
        /// The column, counted in characters from 1.
        column: usize,
    },
    /// A variable of the environment.
    Variable {
        /// The name of the variable, safe to show.
        name: String,
    },
    /// A value from `--set`.
    Flag {
        /// The key as it was given, safe to show.
        key: String,
    },
}

fn text<S: Serializer>(file: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(file)
}

impl Origin {
    /// The order in which problems are shown: the file from top to bottom, then the layers above it.
    pub(super) fn rank(&self) -> (u8, usize, usize) {
        match self {
            Self::BuiltIn => (0, 0, 0),
            Self::File { line, column, .. } => (1, *line, *column),
            Self::Variable { .. } => (2, 0, 0),
            Self::Flag { .. } => (3, 0, 0),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File { file, line: 0, .. } => f.write_str(file),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable { name } => write!(f, "${name}"),
            Self::Flag { key } => write!(f, "--set {key}"),
        }
    }
}
