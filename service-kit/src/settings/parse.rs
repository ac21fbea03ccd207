//! One setting's text, parsed; each error says what would do.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

/// A duration: `10s`, `500ms`, `5m`, `2h`; more than zero.
pub fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("\"{text}\" is no duration: write 500ms, 10s, 5m or 2h");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (amount, unit) = text.split_at(digits);
    let amount: u64 = amount.parse().map_err(|_| bad())?;
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    // A day is longer than any limit here makes sense, and keeps every sum of times in range.
    milliseconds
        .and_then(|unit: u64| amount.checked_mul(unit))
        .filter(|time| (1..=86_400_000).contains(time))
        .map(Duration::from_millis)
        .ok_or_else(bad)
}

/// The same, or zero: `0` or `0s`.
pub fn duration_or_zero(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0ms" | "0s" | "0m" | "0h" => Ok(Duration::ZERO),
        other => duration(other),
    }
}

/// A size in bytes: `1048576`, `32KiB`, `1MiB`, `1GiB`; more than zero.
pub fn bytes(text: &str) -> Result<usize, String> {
    let bad = || format!("\"{text}\" is no size: write 65536, 32KiB or 1MiB");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (amount, unit) = text.split_at(digits);
    let amount: usize = amount.parse().map_err(|_| bad())?;
    let factor = match unit {
        "" | "B" => Some(1),
        "KiB" => Some(1024),
        "MiB" => Some(1024 * 1024),
        "GiB" => Some(1024 * 1024 * 1024),
        _ => None,
    };
    let size = factor.and_then(|factor| amount.checked_mul(factor));
    size.filter(|size| *size > 0).ok_or_else(bad)
}

/// An address to listen on.
pub fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    plain.parse().map_err(|_| {
        format!("\"{text}\" is no address to listen on: write 127.0.0.1, 0.0.0.0 or ::")
    })
}

/// A whole number, in the range of its type.
pub fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no number in range: write digits only"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{bytes, duration, duration_or_zero, number};

    #[test]
    fn times_and_sizes_are_read_with_their_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(duration_or_zero("2h"), duration("2h"));
        assert_eq!(["0", "0s"].map(duration_or_zero), [Ok(Duration::ZERO), Ok(Duration::ZERO)]);
        assert_eq!(bytes("65536"), Ok(65_536));
        assert_eq!(bytes("1MiB"), Ok(1_048_576));
    }

    #[test]
    fn invalid_times_sizes_and_numbers_are_rejected() {
        for text in ["", "10", "10 s", "-1s", "0s", "s", "99999999999999999999s", "25h"] {
            assert!(duration(text).unwrap_err().contains("is no duration"), "{text}");
            assert!(text == "0s" || duration_or_zero(text).is_err(), "{text}");
        }
        for text in ["", "0", "1MB", "1.5KiB", "99999999999999999999", "-1"] {
            assert!(bytes(text).unwrap_err().contains("is no size"), "{text}");
        }
        assert!(number::<u16>("65536").is_err());
    }
}
