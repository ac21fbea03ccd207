//! What prefixes lead to, and which of them a path selects.

use super::reading::{is_script, is_usual, may_be_same};
use super::{InvalidPath, PathPrefix, RequestPath};

/// Values by path prefix, of which a path selects the one with the longest.
///
/// ```
/// use mtls::policy::{InvalidPath, PathTable, RequestPath};
///
/// let prefixes = [("/".parse()?, "/"), ("/admin".parse()?, "/admin")];
/// let table: PathTable<&str> = prefixes.into_iter().collect();
/// let find = |path| table.find(&RequestPath::parse(path)?);
///
/// assert_eq!(find("/page;jsessionid=1"), Ok(Some(&"/")));
/// assert_eq!(find("/admin/x"), Ok(Some(&"/admin")));
/// assert!(matches!(find("/admin;x/y"), Err(InvalidPath::Ambiguous(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PathTable<T> {
    /// The longest prefix first.
    entries: Vec<(PathPrefix, T)>,
    /// Whether all prefixes are [`is_usual`].
    usual: bool,
}

impl<T> PathTable<T> {
    /// The value of the longest prefix that covers a path, if any does.
    ///
    /// # Errors
    ///
    /// [`InvalidPath::Ambiguous`] where some server reads the path so that another one is selected.
    pub fn find(&self, path: &RequestPath) -> Result<Option<&T>, InvalidPath> {
        let lenient = path.lenient();
        let usual = self.usual && is_usual(lenient);
        let found = self.entries.iter().find(|(prefix, _)| match usual {
            true => prefix.covers_usual(lenient),
            false => prefix.may_cover(lenient),
        });
        if found.is_some_and(|(prefix, _)| !prefix.covers(&path.literal)) {
            return Err(ambiguous(&path.literal));
        }
        if lenient.contains('.') {
            let selected = found.map(|(prefix, _)| prefix);
            let differs = |(other, _): &(PathPrefix, T)| {
                may_select(other, selected, path)
                    && !selected.is_some_and(|selected| other.may_cover(selected.lenient()))
            };
            if self.entries.iter().any(differs) {
                return Err(ambiguous(&path.literal));
            }
        }
        Ok(found.map(|(_, value)| value))
    }

    /// The values, those of the longest prefixes first.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }
}

impl<T> Default for PathTable<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), usual: true }
    }
}

impl<T> FromIterator<(PathPrefix, T)> for PathTable<T> {
    fn from_iter<I: IntoIterator<Item = (PathPrefix, T)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.lenient().len()));
        let usual = entries.iter().all(|(prefix, _)| is_usual(prefix.lenient()));
        Self { entries, usual }
    }
}

/// Whether a prefix that is no part of the selected one covers a path where a script's name or an
/// extension counts for nothing.
fn may_select(prefix: &PathPrefix, selected: Option<&PathPrefix>, path: &RequestPath) -> bool {
    // A prefix that was written with an extension is meant with it.
    let named = selected.map_or(0, |selected| selected.segments().count());
    let readings = [Some((path.lenient(), named)), path.without_script.as_deref().zip(Some(0))];
    readings.into_iter().flatten().any(|(reading, named)| {
        prefix.may_cover_by(reading, |index, segment, own, is_last| {
            let extended = index >= named && (is_last || is_script(segment));
            may_be_same(segment, own) || (extended && is_extended(segment, own))
        })
    })
}

/// Whether a segment is a name with an extension.
fn is_extended(segment: &str, name: &str) -> bool {
    let dots = segment.match_indices('.').map(|(at, _)| at);
    dots.into_iter().any(|at| may_be_same(&segment[..at], name))
}

/// Says what a path has that makes its readings differ.
fn ambiguous(path: &str) -> InvalidPath {
    let lower = path.to_ascii_lowercase();
    let has = |any: &[&str]| any.iter().any(|it| lower.contains(it));
    let around = |edge: char| lower.split('/').any(|it| it.ends_with(edge));
    InvalidPath::Ambiguous(match () {
        () if has(&[";", "%3b"]) => "a parameter (;)",
        () if has(&["%25"]) => "an encoded percent sign (%25)",
        () if has(&["%3f", "%23"]) => "an encoded ? or # (%3f, %23)",
        () if has(&[":$"]) => "a stream's name (:$)",
        () if !path.is_ascii() || has(&["%8", "%9", "%a", "%b", "%c", "%d", "%e", "%f"]) => {
            "a character outside ASCII"
        }
        () if around('.') || has(&["%20", "+"]) => "a dot or a space around a name",
        () if has(&["%"]) => "an encoded letter",
        () if has(&["~"]) => "a short name (~1)",
        () if lower.contains('.') => "a script's name or an extension",
        () => "another case than the route's",
    })
}
