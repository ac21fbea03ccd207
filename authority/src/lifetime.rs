//! The lifetime of a certificate or a revocation list, as text such as `30d`.

use std::{fmt, str::FromStr};

use time::Duration;

/// A span of whole seconds, at least one, at most 36,500 days.
///
/// It is written with one unit: `30d`, `12h`, `5m`, `20s`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Lifetime(i64);

/// The error for a text that is not a lifetime.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{0}\" is not a lifetime: give a number and a unit, such as 30d, 12h, 5m or 20s")]
pub struct LifetimeError(String);

impl Lifetime {
    /// A lifetime in days; clamped to between one and 36,500.
    pub const fn days(days: u16) -> Self {
        let days = if days == 0 { 1 } else { days };
        let days = if days > MAX_DAYS { MAX_DAYS } else { days };
        Self(days as i64 * DAY)
    }

    /// A lifetime in seconds; at least one.
    pub const fn seconds(seconds: u32) -> Self {
        let seconds = seconds as i64;
        let most = MAX_DAYS as i64 * DAY;
        Self(if seconds == 0 {
            1
        } else if seconds > most {
            most
        } else {
            seconds
        })
    }

    /// The same span, for arithmetic with dates.
    pub const fn duration(self) -> Duration {
        Duration::seconds(self.0)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS.iter().find(|(_, unit)| self.0 % unit == 0);
        let (letter, unit) = fits.unwrap_or(&('s', 1));
        write!(formatter, "{}{letter}", self.0 / unit)
    }
}

impl FromStr for Lifetime {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        let refuse = || LifetimeError(text.to_owned());
        let letter = text.chars().next_back().ok_or_else(refuse)?;
        let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == letter).ok_or_else(refuse)?;
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse());
        }
        let count: i64 = digits.parse().map_err(|_| refuse())?;
        let seconds = count.checked_mul(*unit).ok_or_else(refuse)?;
        if !(1..=i64::from(MAX_DAYS) * DAY).contains(&seconds) {
            return Err(refuse());
        }
        Ok(Self(seconds))
    }
}

const DAY: i64 = 86_400;
const MAX_DAYS: u16 = 36_500;
const UNITS: [(char, i64); 4] = [('d', DAY), ('h', 3_600), ('m', 60), ('s', 1)];

#[cfg(test)]
mod tests {
    use super::Lifetime;

    #[test]
    fn a_lifetime_is_written_in_its_largest_whole_unit() {
        for (text, seconds, written) in [
            ("30d", 2_592_000, "30d"),
            ("48h", 172_800, "2d"),
            ("12h", 43_200, "12h"),
            ("5m", 300, "5m"),
            ("20s", 20, "20s"),
            ("61s", 61, "61s"),
        ] {
            let lifetime: Lifetime = text.parse().unwrap();

            assert_eq!(lifetime.duration().whole_seconds(), seconds);
            assert_eq!(lifetime.to_string(), written);
        }
    }

    #[test]
    fn a_text_without_number_or_unit_is_refused() {
        for text in [
            "",
            "30",
            "d",
            "0d",
            "-1d",
            "1.5h",
            "+3d",
            "3w",
            "36501d",
            "9".repeat(30).as_str(),
            "30é",
        ] {
            assert_eq!(
                text.parse::<Lifetime>().unwrap_err().to_string(),
                format!(
                    "\"{text}\" is not a lifetime: give a number and a unit, such as 30d, 12h, 5m or \
                     20s"
                )
            );
        }
    }
}
