//! Text that a peer sent, made fit for a log line. It knows nothing of what the text means.

use std::fmt::{Debug, Display, Formatter, Result, Write};

use serde::Serialize;

/// Displays text from outside escaped and cut to [`Untrusted::LIMIT`] bytes, so that a peer can
/// neither forge a log line, nor paint the terminal, nor fill the disk.
///
/// Escaped is every character outside ASCII that `char::escape_debug` escapes, and every control
/// character: so line separators, spaces other than the ordinary one, and the invisible characters
/// that hide or reorder text are escaped, and quotes and backslashes are not. A cut is shown by an ellipsis.
#[derive(Clone, Copy)]
pub struct Untrusted<'a>(pub &'a str);

/// Text from outside that is escaped and cut already; nothing else of it is kept.
///
/// Events for the log carry this type where a peer chose the text, so that no log line can show
/// more of it.
#[derive(Clone, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Excerpt(String);

impl Untrusted<'_> {
    /// The most bytes that are shown, after escaping and with the ellipsis.
    pub const LIMIT: usize = 256;

    /// The text escaped, and cut to another number of bytes.
    pub fn within(self, limit: usize) -> String {
        let mut shown = String::new();
        // Writing to a `String` does not fail.
        let _ = self.write(&mut shown, limit);
        shown
    }

    fn write(self, to: &mut impl Write, limit: usize) -> Result {
        // Almost every text is shown as it is: it is looked through once.
        if self.0.len() <= limit && self.0.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return to.write_str(self.0);
        }
        let mut room = limit;
        for (index, character) in self.0.char_indices() {
            let length = shown_length(character);
            if length + CUT.len_utf8() > room && !fits(&self.0[index..], room) {
                return to.write_char(CUT);
            }
            room -= length;
            if is_plain(character) {
                to.write_char(character)?;
            } else {
                write!(to, "{}", character.escape_unicode())?;
            }
        }
        Ok(())
    }
}

impl Display for Untrusted<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        self.write(formatter, Self::LIMIT)
    }
}

impl Debug for Untrusted<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "\"{self}\"")
    }
}

impl Excerpt {
    /// Keeps what may be shown of a text.
    pub fn of(text: &str) -> Self {
        Self(Untrusted(text).within(Untrusted::LIMIT))
    }

    /// What may be shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Excerpt {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(&self.0)
    }
}

impl Debug for Excerpt {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        Debug::fmt(&Untrusted(&self.0), formatter)
    }
}

fn fits(text: &str, room: usize) -> bool {
    let mut lengths = text.chars().map(shown_length);
    lengths.try_fold(room, |room, length| room.checked_sub(length)).is_some()
}

fn shown_length(character: char) -> usize {
    if is_plain(character) { character.len_utf8() } else { character.escape_unicode().len() }
}

fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') || character.escape_debug().len() == 1
}

const CUT: char = '…';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Untrusted, is_plain};

    #[test]
    fn a_line_break_and_an_escape_sequence_are_shown_not_obeyed() {
        let text = "eve\n\u{1b}[2J\u{202e}";

        let shown = Untrusted(text).to_string();

        assert_eq!(shown, "eve\\u{a}\\u{1b}[2J\\u{202e}");
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_short_text_is_not() {
        let text = "é".repeat(200);

        let shown = Untrusted(&text).to_string();

        assert_eq!(shown, format!("{}…", "é".repeat(126)));
        let whole = "é".repeat(128);
        assert_eq!(Untrusted(&whole).to_string(), whole);
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_short_printable_and_shown_again_unchanged(
            text in prop_oneof![".{0,300}", prop::collection::vec(any::<char>(), 0..300).prop_map(String::from_iter)],
            limit in 3..300_usize,
        ) {
            let shown = Untrusted(&text).within(limit);

            prop_assert!(shown.len() <= limit);
            prop_assert!(shown.chars().all(is_plain));
            prop_assert_eq!(Untrusted(&shown).within(limit), shown);
        }
    }

    #[test]
    fn no_character_that_hides_or_moves_text_is_shown() {
        let hostile = [
            '\0',
            '\n',
            '\r',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{3000}',
            '\u{e000}',
            '\u{feff}',
            '\u{e0041}',
        ];

        for character in hostile {
            assert!(Untrusted(&character.to_string()).to_string().is_ascii(), "{character:?}");
        }
    }
}
