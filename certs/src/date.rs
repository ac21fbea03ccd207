//! Formats a point in time for people and scripts.

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// RFC 3339 in UTC, such as `2026-12-21T10:00:00Z`.
pub(crate) fn date(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(UtcOffset::UTC);
    // A year beyond 9999 cannot be written in that form.
    moment.format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}
