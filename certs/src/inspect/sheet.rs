//! The layout of text output: labels on the left, values on the right.

use std::fmt::{Display, Formatter, Result};

use mtls::untrusted::Untrusted;
use time::OffsetDateTime;

use crate::date::date;
use crate::remaining::remaining;

/// Writes a label and a value; control characters are escaped to protect the terminal.
pub(super) fn row(
    formatter: &mut Formatter<'_>,
    label: impl Display,
    value: impl Display,
) -> Result {
    let value = value.to_string();
    rows(formatter, &label.to_string(), &value.split('\n').map(plain).collect::<Vec<_>>())
}

/// The same for a list, which may be wrapped after its commas.
pub(super) fn row_of_list(formatter: &mut Formatter<'_>, label: &str, value: &str) -> Result {
    rows(formatter, label, &wrapped(value))
}

fn rows(formatter: &mut Formatter<'_>, label: &str, lines: &[String]) -> Result {
    let label = Untrusted(label).to_string();
    writeln!(formatter, "  {label:<26}{}", lines.join(&format!("\n{:28}", "")))
}

fn wrapped(list: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for part in list.split_inclusive(", ").map(plain) {
        if !current.is_empty() && current.len() + part.trim_end().len() > WIDTH {
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
        }
        current.push_str(&part);
    }
    lines.push(current);
    lines
}

/// A moment in UTC, and how far away it is: `2026-12-21T10:00:00Z (29d left)`.
pub(super) fn until(moment: OffsetDateTime, now: OffsetDateTime) -> String {
    let left = moment - now;
    if left.is_negative() {
        format!("{} (ended {} ago)", date(moment), remaining(-left))
    } else {
        format!("{} ({} left)", date(moment), remaining(left))
    }
}

/// `1 certificate`, `2 certificates`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Lower-case hexadecimal without separators.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Escapes each word by itself: a list of names may be long, but a single name may not.
fn plain(text: &str) -> String {
    text.split(' ').map(|word| Untrusted(word).to_string()).collect::<Vec<_>>().join(" ")
}

/// With its label, a line fits in a hundred columns.
const WIDTH: usize = 72;

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn a_long_list_is_broken_behind_a_comma_and_nothing_else_is() {
        let names = ["DNS api-service.default.svc"; 4].join(", ");
        let word = "AB:".repeat(40);

        let line = "DNS api-service.default.svc, DNS api-service.default.svc";
        assert_eq!(wrapped(&names), [format!("{line},"), line.to_owned()]);
        assert_eq!(wrapped(&word), [word]);
        assert_eq!(wrapped("a\n\u{1b}[2J"), ["a\\u{a}\\u{1b}[2J"]);
    }
}
