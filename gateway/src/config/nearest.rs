//! Suggestions for misspelled words.

/// The most similar known word, if it is similar enough.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    // Bounded: a file may have many listeners, and an unknown name in every route.
    let distances = known.iter().take(MOST).map(|known| {
        let distance = strsim::osa_distance(&word, &known.to_lowercase().replace('-', "_"));
        (distance, *known)
    });
    let (distance, near) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + near.len() / 5).then_some(near)
}

const LONGEST: usize = 64;
const MOST: usize = 64;
