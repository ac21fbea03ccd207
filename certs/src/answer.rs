//! The output of a command, and whether it succeeded.

/// The text for standard output; unless all is well, the command exits with 1.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) is_good: bool,
    pub(crate) text: String,
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self { is_good: true, text }
    }
}
