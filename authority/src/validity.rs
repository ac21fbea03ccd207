//! The validity of a certificate: what was requested, and what its issuer allows.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{IssueError, Lifetime};

/// The requested validity.
///
/// Without a start the certificate starts five minutes ago, against clock skew, and expires one
/// lifetime from now; with a start it expires one lifetime after it. An end overrides a lifetime.
#[derive(Clone, Debug)]
pub(crate) struct RequestedValidity {
    pub(crate) lifetime: Lifetime,
    pub(crate) not_after: Option<OffsetDateTime>,
    pub(crate) not_before: Option<OffsetDateTime>,
    pub(crate) outlives_issuer: bool,
}

/// The validity of a certificate, in whole seconds (RFC 5280, 4.1.2.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Validity {
    pub(crate) capped: bool,
    pub(crate) not_after: OffsetDateTime,
    pub(crate) not_before: OffsetDateTime,
}

impl RequestedValidity {
    pub(crate) fn new(lifetime: Lifetime) -> Self {
        Self { lifetime, not_after: None, not_before: None, outlives_issuer: false }
    }

    /// The intended lifetime from its start, or from now.
    pub(crate) fn lifetime(&self) -> Lifetime {
        let Some(not_after) = self.not_after else {
            return self.lifetime;
        };
        let lives_from = self.not_before.unwrap_or_else(OffsetDateTime::now_utc);
        let seconds = (not_after - lives_from).whole_seconds();
        Lifetime::seconds(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
    }

    pub(crate) fn resolve(
        &self,
        issuer_ends: Option<OffsetDateTime>,
    ) -> Result<Validity, IssueError> {
        let now = OffsetDateTime::now_utc();
        let not_before = whole_seconds(self.not_before.unwrap_or(now - CLOCK_SKEW));
        let lives_from = self.not_before.unwrap_or(now);
        let asked = self.not_after.unwrap_or(lives_from + self.lifetime.duration());
        let asked = whole_seconds(asked);
        if asked <= not_before {
            return Err(IssueError::Dates { not_after: asked, not_before });
        }
        let ends = issuer_ends.filter(|_| !self.outlives_issuer).unwrap_or(asked);
        if ends <= not_before {
            return Err(IssueError::Ended(ends));
        }
        Ok(Validity { capped: ends < asked, not_after: asked.min(ends), not_before })
    }
}

pub(crate) fn whole_seconds(moment: OffsetDateTime) -> OffsetDateTime {
    moment.to_offset(time::UtcOffset::UTC) - Duration::nanoseconds(moment.nanosecond().into())
}

/// A date for a message (RFC 3339).
pub(crate) fn written(moment: &OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}

const CLOCK_SKEW: Duration = Duration::minutes(5);
