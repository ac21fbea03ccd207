//! Distinguished names as RFC 5280, section 7.1, compares them: by their characters, whichever
//! string type carries them, and without regard to case or to the number of spaces.
//!
//! Equal names make a candidate only. Whether it issued anything is decided by its key.

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::pki::certificate::der::{BadDer, Element, Elements, OBJECT_IDENTIFIER, SEQUENCE, SET};
use crate::pki::certificate::text;

/// The longest name, as DER, that is prepared; a longer one is equal only to the same bytes.
const LONGEST: usize = 1024;

/// A distinguished name, prepared for comparison.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Name {
    /// One that is too long, or that cannot be decoded.
    Bytes(Vec<u8>),
    /// Its relative names in order; the attributes of each are a set.
    Prepared(Vec<Vec<Attribute>>),
}

/// An object identifier and a value.
type Attribute = (Vec<u8>, Value);

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    Text(String),
}

impl Name {
    /// Prepares a name, the DER of a whole `Name`.
    pub(super) fn of(der: &[u8]) -> Self {
        let bytes = || Self::Bytes(der.to_vec());
        if der.len() > LONGEST { bytes() } else { prepared(der).unwrap_or_else(|_| bytes()) }
    }
}

fn prepared(der: &[u8]) -> Result<Name, BadDer> {
    let relative = |set: Element<'_>| {
        let mut attributes: Vec<_> =
            Elements::in_one(SET, set.whole)?.map(|it| attribute(it?)).collect::<Result<_, _>>()?;
        attributes.sort();
        Ok(attributes)
    };
    let names = Elements::in_one(SEQUENCE, der)?.map(|set| relative(set?));
    names.collect::<Result<_, _>>().map(Name::Prepared)
}

fn attribute(attribute: Element<'_>) -> Result<Attribute, BadDer> {
    let mut members = Elements::in_one(SEQUENCE, attribute.whole)?;
    let identifier = members.expect(OBJECT_IDENTIFIER)?.content;
    let value = members.next().ok_or(BadDer)??;
    members.end()?;
    let value = text(value).map_or_else(
        || Value::Bytes(value.whole.to_vec()),
        |text| Value::Text(without_extra_spaces(&prepare(&text))),
    );
    Ok((identifier.to_vec(), value))
}

/// RFC 4518, sections 2.2 and 2.3: mapped, without case, and in normalization form KC. What
/// section 2.4 prohibits stays in, since two names may rather be equal here than differ: a
/// revocation list whose issuer is not found revokes nobody.
fn prepare(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_ascii_lowercase();
    }
    const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
    let mapped: String = text.chars().filter(|character| !is_ignored(*character)).collect();
    let folded = NFKC.normalize(&mapped);
    // By way of the upper case, so that what has two lower cases, or none of its own, has one.
    let folded = folded.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    NFKC.normalize(&folded.collect::<String>()).into_owned()
}

/// RFC 4518, section 2.2: mapped to nothing. White space is not among it.
fn is_ignored(character: char) -> bool {
    character.is_control() && !character.is_whitespace()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{6dd}' | '\u{70f}' | '\u{1806}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2063}'
            | '\u{206a}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}')
}

/// RFC 4518, section 2.6.1.
fn without_extra_spaces(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Name;

    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANIZATION: &[u8] = &[0x55, 4, 10];

    /// The string types, each with the characters that it is tried with.
    #[derive(Clone, Copy, Debug)]
    enum Encoding {
        Bmp,
        Ia5,
        Printable,
        Teletex,
        Universal,
        Utf8,
    }

    proptest! {
        #[test]
        fn a_name_is_equal_to_itself_however_it_is_spelled(
            words in words(),
            encodings in (encoding(), encoding()),
            spaces in (spaces(), spaces(), spaces()),
            upper in any::<(bool, bool)>(),
        ) {
            let cased = |upper: bool| match upper {
                true => words.iter().map(|word| word.to_uppercase()).collect::<Vec<_>>(),
                false => words.clone(),
            };
            let one = cased(upper.0).join(" ");
            let other = cased(upper.1).join(&spaces.1);
            let other = format!("{}{other}{}", spaces.0.trim_end_matches(' '), spaces.2);

            let one = name(&[&[(COMMON_NAME, value(encodings.0, &one))]]);
            let other = name(&[&[(COMMON_NAME, value(encodings.1, &other))]]);

            prop_assert_eq!(Name::of(&one), Name::of(&other));
        }

        #[test]
        fn names_of_other_characters_differ(
            words in words(),
            other in words(),
            encodings in (encoding(), encoding()),
        ) {
            prop_assume!(words != other);
            let one = name(&[&[(COMMON_NAME, value(encodings.0, &words.join(" ")))]]);
            let other = name(&[&[(COMMON_NAME, value(encodings.1, &other.join(" ")))]]);

            prop_assert_ne!(Name::of(&one), Name::of(&other));
        }

        #[test]
        fn anything_at_all_is_equal_to_itself(der in prop::collection::vec(any::<u8>(), 0..2048)) {
            prop_assert_eq!(Name::of(&der), Name::of(&der));
        }
    }

    #[test]
    fn composed_and_decomposed_characters_are_equal_and_so_are_both_cases() {
        for (one, other) in [
            ("Ca\u{e9}", "CAE\u{301}"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{ff2c}\u{ff21}\u{ff22}", "lab"),
            ("la\u{ad}b\u{200b}", "lab"),
            ("lab\u{a0}root", "LAB\tROOT"),
            ("\u{3a3}\u{3a3}", "\u{3c3}\u{3c2}"),
        ] {
            let of = |text| Name::of(&name(&[&[(COMMON_NAME, value(Encoding::Utf8, text))]]));

            assert_eq!(of(one), of(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_order_of_relative_names_counts_and_that_within_one_does_not() {
        let a = || (COMMON_NAME, value(Encoding::Utf8, "a"));
        let b = || (ORGANIZATION, value(Encoding::Utf8, "b"));

        assert_eq!(Name::of(&name(&[&[a(), b()]])), Name::of(&name(&[&[b(), a()]])));
        assert_ne!(Name::of(&name(&[&[a()], &[b()]])), Name::of(&name(&[&[b()], &[a()]])));
        assert_ne!(Name::of(&name(&[&[a(), b()]])), Name::of(&name(&[&[a()], &[b()]])));
        assert_ne!(Name::of(&name(&[&[a()]])), Name::of(&name(&[&[a()], &[a()]])));
    }

    #[test]
    fn an_attributes_type_counts() {
        let of = |kind| Name::of(&name(&[&[(kind, value(Encoding::Utf8, "a"))]]));

        assert_ne!(of(COMMON_NAME), of(ORGANIZATION));
    }

    #[test]
    fn what_is_no_text_is_compared_byte_by_byte() {
        let of = |tag, content: &[u8]| Name::of(&name(&[&[(COMMON_NAME, element(tag, content))]]));

        assert_eq!(of(2, b"A"), of(2, b"A"));
        assert_ne!(of(2, b"A"), of(2, b"a"));
        assert_ne!(of(2, b"A"), of(4, b"A"));
        assert_ne!(of(20, b"\xc1"), of(20, b"\xe1"));
        assert_ne!(of(2, b"a"), of(12, b"a"));
    }

    #[test]
    fn a_name_of_more_than_a_kibibyte_is_compared_byte_by_byte() {
        let of = |text: &str| Name::of(&name(&[&[(COMMON_NAME, value(Encoding::Utf8, text))]]));
        let (short, long) = ("a".repeat(900), "a".repeat(1100));

        assert_eq!(of(&short), of(&short.to_uppercase()));
        assert_eq!(of(&long), of(&long));
        assert_ne!(of(&long), of(&long.to_uppercase()));
    }

    fn words() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-z0-9.'-]{1,8}", 1..4)
    }

    fn spaces() -> impl Strategy<Value = String> {
        " {1,3}"
    }

    fn encoding() -> impl Strategy<Value = Encoding> {
        use Encoding::{Bmp, Ia5, Printable, Teletex, Universal, Utf8};
        prop::sample::select(vec![Bmp, Ia5, Printable, Teletex, Universal, Utf8])
    }

    fn value(encoding: Encoding, text: &str) -> Vec<u8> {
        match encoding {
            Encoding::Bmp => {
                element(30, &text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>())
            }
            Encoding::Ia5 => element(22, text.as_bytes()),
            Encoding::Printable => element(19, text.as_bytes()),
            Encoding::Teletex => element(20, text.as_bytes()),
            Encoding::Universal => {
                let units = text.chars().flat_map(|character| u32::from(character).to_be_bytes());
                element(28, &units.collect::<Vec<_>>())
            }
            Encoding::Utf8 => element(12, text.as_bytes()),
        }
    }

    fn name(relative: &[&[(&[u8], Vec<u8>)]]) -> Vec<u8> {
        let set = |attributes: &&[(&[u8], Vec<u8>)]| {
            let attribute = |(kind, value): &(&[u8], Vec<u8>)| {
                element(0x30, &[element(6, kind), value.clone()].concat())
            };
            element(0x31, &attributes.iter().flat_map(attribute).collect::<Vec<_>>())
        };
        element(0x30, &relative.iter().flat_map(set).collect::<Vec<_>>())
    }

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header = match content.len() {
            0..=0x7f => vec![tag, length[1]],
            0x80..=0xff => vec![tag, 0x81, length[1]],
            _ => vec![tag, 0x82, length[0], length[1]],
        };
        [header, content.to_vec()].concat()
    }
}
