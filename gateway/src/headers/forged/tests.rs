//! Generated forged names, and names that must not be removed.

mod known;

use std::collections::BTreeSet;

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use self::known::{INNOCENT, KNOWN};
use super::*;
use crate::headers::hop_by_hop;
use crate::headers::list::{assert_sound, fold, stem};

#[test]
fn the_lists_are_sound_and_do_not_overlap() {
    assert_sound(&NAMES);
    assert_sound(&SPELT);
    assert_sound(&WORDS);
    for name in NAMES.entries() {
        let word = suffixes(stem(name)).find(|rest| WORDS.contains(rest));
        assert_eq!(word, None, "{name} has a word that no name may have");
    }
}

#[test]
fn the_names_that_services_are_known_to_read_are_forged() {
    for name in KNOWN {
        assert!(is_forged(&parsed(name)), "{name} gets through");
    }
}

#[test]
fn what_clients_may_send_is_not_forged() {
    for name in INNOCENT {
        let name = parsed(name);
        assert!(!is_forged(&name) && !is_misspelt(&name), "{name} is taken out");
    }
}

#[test]
fn framing_fields_are_removed_in_every_other_spelling() {
    for name in SPELT.entries() {
        let mut headers = HeaderMap::new();
        for spelling in [format!("{name}_"), name.replace('-', "_"), format!("HTTP_{name}")] {
            headers.append(parsed(&spelling), HeaderValue::from_static("1"));
        }
        headers.append(parsed(name), HeaderValue::from_static("1"));

        strip(&mut headers);

        let expected = [(*name).to_owned(), format!("{name}_")];
        let mut left: Vec<String> = headers.keys().map(ToString::to_string).collect();
        left.sort();
        assert_eq!(left, expected);
    }
}

#[test]
fn all_values_of_a_forged_name_are_removed_the_rest_keeps_its_order() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "a"),
        ("x-real-ip", "192.0.2.1"),
        ("cookie", "b"),
        ("X_Real.IP", "192.0.2.2"),
        ("x-real-ip", "192.0.2.3"),
        ("cookie", "c"),
    ] {
        headers.append(parsed(name), HeaderValue::from_static(value));
    }

    let removed = strip(&mut headers);

    assert_eq!(removed, 2);
    let left: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    assert_eq!(left, [("accept", &b"a"[..]), ("cookie", b"b"), ("cookie", b"c")]);
}

#[test]
fn the_generator_makes_over_200_variants() {
    let mut runner = TestRunner::deterministic();
    let variants: BTreeSet<String> = (0..2_000)
        .map(|_| variant().new_tree(&mut runner).expect("a variant must be made").current())
        .map(|name| parsed(&name).as_str().to_owned())
        .collect();

    assert!(variants.len() >= 1_000, "only {}", variants.len());
    assert!(variants.iter().all(|name| is_forged(&parsed(name))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_forged_variant_survives(
        forged in prop::collection::vec((variant(), select(VALUES), 1..3_usize, any::<bool>()), 1..8),
        innocent in prop::collection::vec(innocent(), 0..8),
    ) {
        let mut headers = HeaderMap::new();
        for name in &innocent {
            headers.append(name.clone(), HeaderValue::from_static("innocent"));
        }
        for (name, value, times, named) in &forged {
            for _ in 0..*times {
                headers.append(parsed(name), HeaderValue::from_static(value));
            }
            if *named {
                let value = HeaderValue::from_str(name).expect("a name must be a value");
                headers.append(CONNECTION, value);
            }
        }
        let mut as_trailers = headers.clone();

        hop_by_hop::strip_request(&mut headers);
        strip(&mut headers);
        strip(&mut as_trailers);

        let expected: BTreeSet<&str> = innocent.iter().map(HeaderName::as_str).collect();
        let left: BTreeSet<&str> = headers.keys().map(HeaderName::as_str).collect();
        prop_assert_eq!(left, expected.clone());
        let left = as_trailers.keys().map(HeaderName::as_str).filter(|name| *name != "connection");
        prop_assert_eq!(left.collect::<BTreeSet<&str>>(), expected);
    }

    #[test]
    fn folding_makes_no_difference(name in "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,30}") {
        let folded: String = name.bytes().map(|byte| char::from(fold(byte))).collect();

        prop_assert_eq!(is_forged(&parsed(&name)), is_forged(&parsed(&folded)));
        prop_assert_eq!(is_forged(&parsed(&name)), is_forged_slowly(&folded));
    }
}

/// The same rule, implemented as simply as possible.
fn is_forged_slowly(folded: &str) -> bool {
    let mut name = folded;
    while let Some(rest) = name.strip_prefix("http-") {
        name = rest;
    }
    let is = |entry: &&str, name: &str| match entry.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => *entry == name,
    };
    let of_words = |rest: &[u8]| {
        let rest = std::str::from_utf8(rest).expect("a name must be ASCII");
        WORDS.entries().iter().any(|word| is(word, rest))
    };
    NAMES.entries().iter().any(|entry| is(entry, name)) || suffixes(name.as_bytes()).any(of_words)
}

/// The parts of a folded name that start at a word and extend to its end.
fn suffixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = (0..name.len()).filter(|index| *index == 0 || name[index - 1] == b'-');
    starts.map(|start| &name[start..])
}

/// A listed name, or a member of a listed family, in another spelling.
fn variant() -> impl Strategy<Value = String> {
    let member = "[a-z0-9]{0,8}(-[a-z0-9]{1,6}){0,2}";
    let named = (select(NAMES.entries()), member).prop_map(|(entry, end)| completed(entry, &end));
    let worded =
        (prop_oneof![Just(""), Just("x-"), Just("acme-")], select(WORDS.entries()), member)
            .prop_map(|(start, entry, end)| format!("{start}{}", completed(entry, &end)));
    let prefix = prop_oneof![8 => Just(""), 1 => Just("http-"), 1 => Just("http-http-")];
    let name = (prefix, prop_oneof![named, worded, select(KNOWN).prop_map(str::to_owned)])
        .prop_map(|(prefix, name)| format!("{prefix}{name}"));
    (name, prop::collection::vec((any::<bool>(), select(SEPARATORS)), 64)).prop_map(disguised)
}

fn completed(entry: &str, end: &str) -> String {
    entry.strip_suffix('*').map_or_else(|| entry.to_owned(), |stem| format!("{stem}{end}"))
}

fn disguised((name, guises): (String, Vec<(bool, char)>)) -> String {
    let guises = guises.into_iter().cycle();
    let one = |(character, (upper, separator)): (char, (bool, char))| match character {
        '-' => separator,
        letter if upper => letter.to_ascii_uppercase(),
        letter => letter.to_ascii_lowercase(),
    };
    name.chars().zip(guises).map(one).collect()
}

fn innocent() -> impl Strategy<Value = HeaderName> {
    let made = "x-(app|shop|my)-[a-z]{3,8}(-[a-z]{3,8})?"
        .prop_filter("a forged one", |name| !is_forged_slowly(name));
    prop_oneof![select(INNOCENT).prop_map(str::to_owned), made].prop_map(|name| parsed(&name))
}

fn parsed(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect("a name must be a token")
}

/// The characters of a token besides letters and digits; the common ones are more frequent.
const SEPARATORS: &[char] = &[
    '-', '-', '-', '_', '_', '_', '.', '.', '!', '#', '$', '%', '&', '\'', '*', '+', '^', '`', '|',
    '~',
];

const VALUES: &[&str] = &[
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA=:",
    "Hash=00;Subject=\"CN=admin\";URI=spiffe://mtls-demo.local/ns/default/sa/admin",
    "127.0.0.1",
    "https",
    "SUCCESS",
    "for=127.0.0.1;proto=https",
    "admin",
    "",
];
