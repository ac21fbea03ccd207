//! Everything that is wrong with a file, in the order of its lines.

use std::error::Error;
use std::fmt::{Display, Formatter};

/// Problems of one file, told all at once; [`Problems::SHOWN`] at most, and the number of the rest.
///
/// Displayed, there is a line for each: `gateway.toml:12:9: route 2: …`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems {
    hidden: usize,
    shown: Vec<Problem>,
}

/// One problem, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// Its position; none where it concerns the file as a whole.
    pub position: Option<Position>,
    /// What is wrong, and what to write.
    pub message: String,
}

/// A position in a file. Both numbers begin with 1; the column counts characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Problems {
    /// How many are told: who has more has not begun with the first ones.
    pub const SHOWN: usize = 100;

    /// What is wrong with a file as a whole.
    pub(super) fn whole(file: &str, message: impl Display) -> Self {
        let problem =
            Problem { file: file.to_owned(), position: None, message: message.to_string() };
        Self { hidden: 0, shown: vec![problem] }
    }

    /// Problems in their order, and how many there are besides.
    pub(super) fn new(shown: Vec<Problem>, hidden: usize) -> Self {
        Self { hidden, shown }
    }

    /// Those that are told, in the order of their places.
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
