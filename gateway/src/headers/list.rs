//! A list of header names, which is asked for every field of every request.

use std::cmp::Ordering;

/// Names and families of names, compared as CGI, WSGI, Rack and PHP fold them: without regard to
/// case, and with every character but letters and digits as `-`.
///
/// It is sorted, and says nothing twice.
#[derive(Debug)]
pub struct List {
    entries: &'static [&'static str],
    /// Where the entries begin that have this first byte.
    starts: [u8; 129],
}

impl List {
    /// Takes names as they are folded. A star at the end makes a family: all that begins so.
    ///
    /// # Panics
    ///
    /// Where they are not sorted by their first characters; a list is a constant, so this
    /// happens when it is compiled.
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

    /// Its entries as they were written, with their stars.
    pub fn entries(&self) -> &'static [&'static str] {
        self.entries
    }

    /// Whether it has a name, or a family that the name is of.
    ///
    /// What stands between a family's stem and one of its members in that order begins with the
    /// stem itself, and nothing is said twice: so only the last entry that is not after the name
    /// can match it.
    pub(super) fn holds(&self, name: &[u8]) -> bool {
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

/// One character of a name, folded.
pub(super) const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Folded text beside a name that is not.
fn compare(folded: &[u8], name: &[u8]) -> Ordering {
    folded.iter().copied().cmp(name.iter().copied().map(fold))
}

/// An entry without the star that makes it a family.
pub(super) fn stem(entry: &str) -> &[u8] {
    entry.strip_suffix('*').unwrap_or(entry).as_bytes()
}

/// That a list is folded and sorted, and says nothing twice.
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
        assert_eq!(family, None, "{entry} is said twice");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_in_any_spelling_and_a_family_with_all_its_members() {
        assert_sound(&LIST);
        for name in ["-ws1", "$WS", "alone", "ALONE", "x-family", "X_Family.Member", "x-familyno2"]
        {
            assert!(LIST.holds(name.as_bytes()), "{name}");
        }
        for name in ["", "-", "alon", "alone-", "b", "x", "x-famil", "x-g", "zz", "~"] {
            assert!(!LIST.holds(name.as_bytes()), "{name}");
        }
    }

    static LIST: List = List::new(&["-ws*", "alone", "x-a", "x-family*", "z"]);
}
