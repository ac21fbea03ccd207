//! A moment as people and scripts read it.

use std::fmt::{Display, Formatter};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Displays a moment as RFC 3339 has it, in UTC: `2026-11-22T02:50:34Z`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(pub(crate) OffsetDateTime);

impl Display for Moment {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_offset(UtcOffset::UTC).format(&Rfc3339);
        // A year beyond 9999 has no such form.
        formatter.write_str(&text.unwrap_or_else(|_| self.0.to_string()))
    }
}
