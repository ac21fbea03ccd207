//! Every target, on seeds that were mutated at random: 256 times, or as often as `PROPTEST_CASES`
//! specifies.

use fuzz::{TARGETS, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

/// A change to an input. Its position is relative to the current length of the input.
#[derive(Clone, Debug)]
enum Edit {
    Cut(Index),
    Insert(Index, Vec<u8>),
    Overwrite(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Splice(Index, Index, Index, usize),
    Word(Index, usize),
}

impl Edit {
    fn any() -> impl Strategy<Value = Self> {
        let at = any::<Index>;
        prop_oneof![
            1 => at().prop_map(Self::Cut),
            2 => (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            8 => (at(), any::<u8>()).prop_map(|(at, byte)| Self::Overwrite(at, byte)),
            2 => (at(), 1..64_usize).prop_map(|(at, length)| Self::Remove(at, length)),
            1 => (at(), 1..200_usize, 2..20_usize).prop_map(|(a, l, n)| Self::Repeat(a, l, n)),
            2 => (at(), at(), at(), 1..400_usize).prop_map(|(a, b, c, l)| Self::Splice(a, b, c, l)),
            4 => (at(), 0..WORDS.len()).prop_map(|(at, word)| Self::Word(at, word)),
        ]
    }

    fn apply(&self, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = |at: &Index, length: usize| at.index(length + 1);
        let slice = |data: &[u8], start: usize, length: usize| {
            data[start..(start + length).min(data.len())].to_vec()
        };
        let length = data.len();
        match self {
            Self::Cut(at) => data.truncate(place(at, length)),
            Self::Insert(at, bytes) => insert(data, place(at, length), bytes),
            Self::Overwrite(at, byte) => {
                if let Some(old) = data.get_mut(place(at, length)) {
                    *old = *byte;
                }
            }
            Self::Remove(at, count) => {
                let start = place(at, length);
                data.drain(start..(start + count).min(length));
            }
            Self::Repeat(at, count, times) => {
                let start = place(at, length);
                let part = slice(data, start, *count).repeat(*times);
                insert(data, start, &part);
            }
            Self::Splice(at, seed, from, count) => {
                let seed = seed.get(seeds);
                let part = slice(seed, place(from, seed.len()), *count);
                insert(data, place(at, length), &part);
            }
            Self::Word(at, word) => insert(data, place(at, length), WORDS[*word].as_bytes()),
        }
    }
}

fn insert(data: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    data.splice(at..at, bytes.iter().copied());
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("it must be a target");
    let Target { body, seeds, .. } = target;
    let seeds = seeds();
    seeds.iter().for_each(|seed| body(seed));
    body(&[]);
    // A failure is reported with its input; none is written to a file.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let inputs = (any::<Index>(), vec(Edit::any(), 1..6)).prop_map({
        let seeds = seeds.clone();
        move |(seed, edits)| {
            let mut data = seed.get(&seeds).clone();
            edits.iter().for_each(|edit| edit.apply(&mut data, &seeds));
            Input(data)
        }
    });
    let result = TestRunner::new(config).run(&inputs, |Input(data)| {
        body(&data);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{name}: {failure}");
    }
}

/// An input, shown as escaped text.
#[derive(Clone)]
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "\"{}\"", self.0.escape_ascii())
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn every_target_is_run() {
            assert_eq!(TARGETS.map(|target| target.name).as_slice(), [$(stringify!($name)),*]);
        }
    };
}

targets! {
    certificate forwarded_headers gateway_file http_head identity pem policy request_path
    revocation_list spiffe_id trust
}

/// Byte sequences that have a meaning for parsers.
const WORDS: [&str; 32] = [
    "\r\n",
    "\n",
    "\0",
    " ",
    "\t",
    "/",
    "//",
    "/../",
    "/./",
    ";",
    "%2f",
    "%2e%2e",
    "%00",
    "%25",
    "\\",
    "/admin",
    ": ",
    ",",
    "\"",
    "=",
    "*",
    "#",
    "'",
    "[[route]]\n",
    "-----BEGIN CERTIFICATE-----\n",
    "-----END X509 CRL-----",
    "\u{feff}",
    "\u{202e}",
    "Transfer-Encoding: chunked\r\n",
    "X-Forwarded-Client-Cert: Hash=0\r\n",
    "Content-Length: 5\r\n",
    "0\x7f\x01\x7f",
];
