//! Points in time, for display and for JSON.

use std::fmt::{Display, Formatter};

use serde::{Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, UtcOffset};

/// A point in time. Displayed in UTC to the second; serialized as RFC 3339.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) OffsetDateTime);

impl Moment {
    /// RFC 3339, to the second.
    pub(super) fn machine(self) -> String {
        self.write(RFC_3339)
    }

    fn write(self, form: &[BorrowedFormatItem<'_>]) -> String {
        let utc = self.0.to_offset(UtcOffset::UTC);
        utc.format(form).unwrap_or_else(|_| utc.to_string())
    }
}

impl Display for Moment {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.write(FOR_PEOPLE))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.machine())
    }
}

/// A duration in its largest whole unit: `12 s`, `3 min`, `7 h`, `29 days`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.whole_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        86_400..172_800 => "1 day".to_owned(),
        _ => format!("{} days", seconds / 86_400),
    }
}

const FOR_PEOPLE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
const RFC_3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::{Moment, span};

    #[test]
    fn a_moment_is_shown_in_utc_to_the_second() {
        let moment = Moment(datetime!(2026-11-22 02:50:34.567 +1));

        assert_eq!(moment.to_string(), "2026-11-22 01:50:34 UTC");
        assert_eq!(moment.machine(), "2026-11-22T01:50:34Z");
    }

    #[test]
    fn a_span_is_shown_in_its_largest_whole_unit() {
        for (seconds, shown) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (86_399, "23 h"),
            (86_400, "1 day"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(Duration::seconds(seconds)), shown);
        }
    }
}
