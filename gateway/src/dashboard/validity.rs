//! The remaining validity of a certificate, and its urgency.

use mtls::pki::certificate::Certificate;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::moment::{Moment, span};

/// The validity of a certificate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ValidityView {
    pub(super) valid_from: Moment,
    pub(super) valid_until: Moment,
    /// Rounded down; negative after expiry.
    pub(super) days_left: i64,
    pub(super) standing: Urgency,
    /// The remaining time, in words.
    #[serde(skip)]
    pub(super) left: String,
    /// The elapsed part, in percent.
    #[serde(skip)]
    pub(super) over: i64,
}

/// How urgent a renewal is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Urgency {
    /// Expired, or not valid yet.
    #[serde(rename = "ended")]
    Expired,
    Good,
    /// Less than a week is left, or less than a third of a validity shorter than three weeks.
    Soon,
}

impl ValidityView {
    pub(super) fn of(certificate: &Certificate, now: OffsetDateTime) -> Self {
        let (from, until) = (certificate.valid_from, certificate.valid_to);
        let whole = until - from;
        let left = until - now;
        let standing = if left.is_negative() || now < from {
            Urgency::Expired
        } else if left < Duration::WEEK.min(whole / 3) {
            Urgency::Soon
        } else {
            Urgency::Good
        };
        let words = if left.is_negative() {
            format!("expired {} ago", span(-left))
        } else if now < from {
            format!("becomes valid in {}", span(from - now))
        } else {
            format!("{} left", span(left))
        };
        let over = (now - from).whole_seconds().saturating_mul(100);
        Self {
            valid_from: Moment(from),
            valid_until: Moment(until),
            days_left: certificate.days_left(now),
            standing,
            left: words,
            over: over.checked_div(whole.whole_seconds()).unwrap_or(100).clamp(0, 100),
        }
    }
}

impl Urgency {
    /// The style sheet's name of it.
    pub(super) fn tone(self) -> &'static str {
        match self {
            Self::Expired => "bad",
            Self::Good => "good",
            Self::Soon => "warn",
        }
    }
}

#[cfg(test)]
mod tests {
    use authority::{Authority, AuthorityRequest, LeafRequest};
    use mtls::pki::certificate::Certificate;
    use time::{Duration, OffsetDateTime};

    use super::{Urgency, ValidityView};

    #[test]
    fn a_week_or_a_third_of_life_before_the_end_is_soon() {
        let days = |days: i64| Duration::days(days);
        for (whole, left, standing, words) in [
            (days(90), days(29), Urgency::Good, "29 days left"),
            (days(90), days(8), Urgency::Good, "8 days left"),
            (days(90), days(6), Urgency::Soon, "6 days left"),
            (days(1), Duration::hours(9), Urgency::Good, "9 h left"),
            (days(1), Duration::hours(7), Urgency::Soon, "7 h left"),
            (days(1), Duration::minutes(-3), Urgency::Expired, "expired 3 min ago"),
            (days(1), Duration::hours(26), Urgency::Expired, "becomes valid in 2 h"),
        ] {
            let certificate = living(whole);
            let now = certificate.valid_to - left;

            let validity = ValidityView::of(&certificate, now);

            assert_eq!((validity.standing, validity.left.as_str()), (standing, words));
        }
    }

    fn living(whole: Duration) -> Certificate {
        let from = OffsetDateTime::now_utc();
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let request = LeafRequest::new("leaf").not_before(from).not_after(from + whole);
        let leaf = authority.issue(&request).unwrap();
        let der = leaf.chain_der().remove(0);
        Certificate::read(&der.into()).unwrap()
    }
}
