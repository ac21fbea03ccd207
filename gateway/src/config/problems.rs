//! All problems of a file, in the order of its lines.

use std::error::Error;
use std::fmt::{Display, Formatter};

/// The problems of one file: at most [`Problems::SHOWN`], and the number of the rest.
///
/// Displayed with one line each: `gateway.toml:12:9: route 2: …`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems {
    hidden: usize,
    shown: Vec<Problem>,
}

/// One problem, and its position.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The name of the file, as given.
    pub file: String,
    /// Its position; none if it concerns the whole file.
    pub position: Option<Position>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// A position in a file. Both numbers start at 1; the column counts characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Problems {
    /// How many problems are shown at most.
    pub const SHOWN: usize = 100;

    /// A problem of the whole file.
    pub(super) fn whole(file: &str, message: impl Display) -> Self {
        let problem =
            Problem { file: file.to_owned(), position: None, message: message.to_string() };
        Self { hidden: 0, shown: vec![problem] }
    }

    /// Problems in order, and the number of further ones.
    pub(super) fn new(shown: Vec<Problem>, hidden: usize) -> Self {
        Self { hidden, shown }
    }

    /// The problems shown, in the order of their positions.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.shown.iter()
    }
}

impl Error for Problems {}

impl Display for Problems {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.shown.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{problem}")?;
        }
        match self.hidden {
            0 => Ok(()),
            hidden => write!(formatter, "\nand {hidden} more"),
        }
    }
}

impl Display for Problem {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self.position {
            Some(Position { line, column }) => {
                write!(formatter, "{}:{line}:{column}: {}", self.file, self.message)
            }
            None => write!(formatter, "{}: {}", self.file, self.message),
        }
    }
}
