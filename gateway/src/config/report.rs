//! Collects problems while a file is read: by byte offset, converted to line and column at the end.

use std::cell::RefCell;
use std::fmt::{Display, Write};

use super::problems::{Position, Problem, Problems};

/// A file's text, and the problems found so far.
pub(super) struct Report<'a> {
    file: &'a str,
    found: RefCell<Vec<(usize, String)>>,
    lines: Vec<usize>,
    text: &'a str,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(offset, _)| offset + 1)).collect();
        Self { file, found: RefCell::default(), lines, text }
    }

    /// Adds a problem at a byte offset of the text.
    pub(super) fn add(&self, offset: usize, message: impl Display) {
        self.found.borrow_mut().push((offset, one_line(&message.to_string())));
    }

    /// Whether no problem has been found so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// The line of a byte offset; the first is 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }

    /// All problems, in the order of the text.
    pub(super) fn into_problems(self) -> Problems {
        let mut found = self.found.take();
        found.sort_by_key(|(offset, _)| *offset);
        found.dedup();
        let hidden = found.len().saturating_sub(Problems::SHOWN);
        let shown = found.into_iter().take(Problems::SHOWN);
        let problem = |(offset, message)| {
            let position = Some(self.position(offset));
            Problem { file: self.file.to_owned(), position, message }
        };
        Problems::new(shown.map(problem).collect(), hidden)
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.line(offset);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        // Counts the bytes that start a character, so that an offset within one does no harm.
        let before = self.text.as_bytes().get(start..offset).unwrap_or_default();
        let characters = before.iter().filter(|byte| (**byte as i8) >= -64).count();
        Position { line, column: characters + 1 }
    }
}

/// Escapes control characters: a value may have line breaks, but a problem is one line.
fn one_line(message: &str) -> String {
    message.chars().fold(String::with_capacity(message.len()), |mut line, character| {
        if character.is_control() {
            let _ = write!(line, "{}", character.escape_debug());
        } else {
            line.push(character);
        }
        line
    })
}
