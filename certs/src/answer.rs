//! What a command has to say, and whether all is well.

/// The words for standard output; where all is not well, the command exits with 1.
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
