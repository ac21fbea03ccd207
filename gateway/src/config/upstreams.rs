//! The upstreams of a route: no duplicates, and all of one scheme.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::report::Report;
use super::value::Value;
use super::{Upstream, UpstreamScheme};

/// The upstreams and their common scheme. If one is invalid, no upstreams, and the scheme of the
/// valid ones.
pub(super) fn read(
    value: &Value<'_>,
    report: &Report<'_>,
) -> (Option<Vec<Upstream>>, Option<UpstreamScheme>) {
    let Some(values) = value.array(EMPTY) else {
        return (None, None);
    };
    let mut lines: HashMap<Upstream, usize> = HashMap::new();
    let mut upstreams: Vec<Option<Upstream>> = Vec::new();
    for value in &values {
        let upstream = value.text(Upstream::new);
        if let Some(upstream) = &upstream {
            match lines.entry(upstream.clone()) {
                Entry::Occupied(first) => {
                    let line = report.line(*first.get());
                    value.problem(format!("{upstream} is on line {line} already: name it once"));
                }
                Entry::Vacant(entry) => {
                    entry.insert(value.offset());
                }
            }
        }
        upstreams.push(upstream);
    }
    let schemes: Vec<_> = upstreams.iter().map(|read| Some(read.as_ref()?.scheme)).collect();
    let scheme = schemes.iter().copied().flatten().next();
    let mixed = values.iter().zip(&schemes).find(|(_, other)| other.is_some() && **other != scheme);
    if let (Some(scheme), Some((value, Some(other)))) = (scheme, mixed) {
        value.problem(format!("{other} is mixed with {scheme}: make a route for each"));
        return (None, None);
    }
    (upstreams.into_iter().collect(), scheme)
}

const EMPTY: &str = "it is empty: name at least one";
