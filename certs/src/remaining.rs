//! The remaining lifetime of a certificate or list, in a short form for tables.

use time::Duration;

/// `29d`, `5h`, `12m`, `20s` (rounded down), or `ended`.
pub(crate) fn remaining(left: Duration) -> String {
    let seconds = left.whole_seconds();
    match seconds {
        ..0 => "ended".to_owned(),
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::remaining;

    #[test]
    fn what_is_left_is_rounded_down_in_a_fitting_unit() {
        for (seconds, words) in [
            (-1, "ended"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (2_591_999, "29d"),
        ] {
            assert_eq!(remaining(Duration::seconds(seconds)), words);
        }
    }
}
