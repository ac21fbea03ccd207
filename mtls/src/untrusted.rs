//! Text that a peer sent, made fit for a log line. It knows nothing of what the text means.

use std::fmt::{Display, Formatter, Result, Write};

/// Displays text from outside escaped and cut to [`Untrusted::LIMIT`] bytes, so that a peer can
/// neither forge a log line, nor paint the terminal, nor fill the disk.
///
/// A cut is shown by an ellipsis.
#[derive(Clone, Copy, Debug)]
pub struct Untrusted<'a>(pub &'a str);

impl Untrusted<'_> {
    /// The most bytes, after escaping and without the ellipsis, that are shown.
    pub const LIMIT: usize = 256;
}

impl Display for Untrusted<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let mut written = 0;
        for character in self.0.chars() {
            let plain = !character.is_control() && !is_formatting(character);
            let length =
                if plain { character.len_utf8() } else { character.escape_unicode().count() };
            if written + length > Self::LIMIT {
                return formatter.write_char('…');
            }
            written += length;
            if plain {
                formatter.write_char(character)?;
            } else {
                write!(formatter, "{}", character.escape_unicode())?;
            }
        }
        Ok(())
    }
}

/// Line and paragraph separators, and the invisible characters that reorder or hide text.
fn is_formatting(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::Untrusted;

    #[test]
    fn a_line_break_and_an_escape_sequence_are_shown_not_obeyed() {
        let text = "eve\n\u{1b}[2J\u{202e}";

        let shown = Untrusted(text).to_string();

        assert_eq!(shown, "eve\\u{a}\\u{1b}[2J\\u{202e}");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let text = "é".repeat(200);

        let shown = Untrusted(&text).to_string();

        assert_eq!(shown, format!("{}…", "é".repeat(128)));
    }
}
