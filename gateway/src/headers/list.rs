//! A list of header names, which every field of every request is compared with.

use std::cmp::Ordering;

/// Names and families of names, compared as CGI, WSGI, Rack and PHP fold them: case-insensitively,
/// and with every character except letters and digits as `-`.
///
/// Entries are sorted and do not overlap.
#[derive(Debug)]
pub struct List {
    entries: &'static [&'static str],
    /// The index of the first entry for each first byte.
    starts: [u8; 129],
}

impl List {
    /// A list of folded names. A trailing star makes a family: every name that begins with the text
    /// before it.
    ///
    /// # Panics
    ///
    /// If entries are not sorted by their first byte; a list is a constant, so this is a compile
    /// error.
    pub(super) const fn new(entries: &'static [&'static str]) -> Self {
        assert!(entries.len() < 256, "a list must be short");
        let mut starts = [0; 129];
        let mut index = 0;
        let mut first = 0;
        while first < starts.len() {
            while index < entries.len() && (entries[index].as_bytes()[0] as usize) < first {
                index += 1;
            }
            starts[first] = index as u8;
            first += 1;
        }
        assert!(index == entries.len(), "a list must be sorted");
        Self { entries, starts }
    }

    /// The entries as written, with their stars.
    pub fn entries(&self) -> &'static [&'static str] {
        self.entries
    }

    /// Whether the list has this name, or a family that includes it.
    ///
    /// Every entry sorted between a stem and a member of its family begins with that stem, and
    /// entries do not overlap: so only the last entry that is not greater than the name can match.
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        let Some(first) = name.first().map(|byte| usize::from(fold(*byte))) else {
            return false;
        };
        let near = usize::from(self.starts[first])..usize::from(self.starts[first + 1]);
        let near = &self.entries[near];
        let after = near.partition_point(|entry| compare(stem(entry), name).is_le());
        let Some(entry) = after.checked_sub(1).map(|index| near[index]) else {
            return false;
        };
        let stem = stem(entry);
        let begins = name.len() >= stem.len() && compare(stem, &name[..stem.len()]).is_eq();
        begins && (stem.len() < entry.len() || stem.len() == name.len())
    }
}

/// Folds one character of a name.
pub(super) const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Compares folded text with a name that is not folded.
fn compare(folded: &[u8], name: &[u8]) -> Ordering {
    folded.iter().copied().cmp(name.iter().copied().map(fold))
}

/// An entry without the star that makes it a family.
pub(super) fn stem(entry: &str) -> &[u8] {
    entry.strip_suffix('*').unwrap_or(entry).as_bytes()
}

/// Asserts that a list is folded and sorted, without overlaps.
#[cfg(test)]
pub(super) fn assert_sound(list: &List) {
    for pair in list.entries.windows(2) {
        assert!(stem(pair[0]) < stem(pair[1]), "{} is not before {}", pair[0], pair[1]);
    }
    for entry in list.entries {
        assert!(stem(entry).iter().all(|byte| *byte == fold(*byte)), "{entry} is not folded");
        let others = list.entries.iter().filter(|other| *other != entry);
        let mut families = others.filter(|other| other.ends_with('*'));
        let family = families.find(|family| stem(entry).starts_with(stem(family)));
        assert_eq!(family, None, "{entry} is included twice");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_spelling_and_families_by_prefix() {
        assert_sound(&LIST);
        for name in ["-ws1", "$WS", "alone", "ALONE", "x-family", "X_Family.Member", "x-familyno2"]
        {
            assert!(LIST.contains(name.as_bytes()), "{name}");
        }
        for name in ["", "-", "alon", "alone-", "b", "x", "x-famil", "x-g", "zz", "~"] {
            assert!(!LIST.contains(name.as_bytes()), "{name}");
        }
    }

    static LIST: List = List::new(&["-ws*", "alone", "x-a", "x-family*", "z"]);
}
