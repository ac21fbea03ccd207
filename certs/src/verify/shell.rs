//! Quotes words for a shell: text from a certificate must not become a command.

use mtls::untrusted::Untrusted;

/// The text as one shell word, quoted where a shell would interpret it.
pub(super) fn quoted(text: &str) -> String {
    let text = Untrusted(text).to_string();
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:@=+,".contains(character);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_name_cannot_become_a_command() {
        for (text, word) in [
            ("spiffe://mtls-demo.local/ns/a", "spiffe://mtls-demo.local/ns/a"),
            ("$(reboot)", "'$(reboot)'"),
            ("a'b; c", "'a'\\''b; c'"),
            ("--force", "'--force'"),
            ("a\nb", "'a\\u{a}b'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }
}
