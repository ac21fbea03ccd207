//! The median of some samples, and how far they are apart.

use serde::{Deserialize, Serialize};

/// The median, the least and the greatest of some numbers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Spread {
    /// The greatest.
    pub max: f64,
    /// The median; of an even count, the mean of the middle two.
    pub median: f64,
    /// The least.
    pub min: f64,
}

impl Spread {
    /// The spread of some numbers; none of no numbers.
    pub fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let middle = numbers.len() / 2;
        let upper = *numbers.get(middle)?;
        let median = match numbers.len() % 2 {
            0 => f64::midpoint(numbers[middle - 1], upper),
            _ => upper,
        };
        Some(Self { max: *numbers.last()?, median, min: *numbers.first()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_is_the_middle_number() {
        let odd = Spread::of(vec![9.0, 1.0, 2.0]);
        let even = Spread::of(vec![4.0, 1.0, 2.0, 8.0]);

        assert_eq!(odd, Some(Spread { max: 9.0, median: 2.0, min: 1.0 }));
        assert_eq!(even, Some(Spread { max: 8.0, median: 3.0, min: 1.0 }));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
