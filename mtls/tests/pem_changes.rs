//! After any change to a file of three PEM blocks, all three are read, or the file is refused
//! with the number of one of its lines: a block is never skipped.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::sync::LazyLock;

use authority::RevocationListRequest;
use mtls::pki::pem::{BadPem, blocks};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use self::support::TestPki;

/// What is inserted into a file, at every position.
const INSERTED: [&[u8]; 18] = [
    b"\xef\xbb\xbf",
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"-",
    b"=",
    b"A",
    b"AAAA",
    b"#",
    b"-----",
    b"-----BEGIN X509 CRL-----\n",
    b"-----END X509 CRL-----\n",
    b"-----BEGIN CERTIFICATE-----\n",
    b"Proc-Type: 4,ENCRYPTED\n\n",
    b"\x30\x03\x02\x01\x01",
];

/// Three lists, with each length of padding if possible, and their content.
static LISTS: LazyLock<String> = LazyLock::new(|| {
    let request = |number| RevocationListRequest::new(number);
    let list = |number| support::list(&TestPki::new().authority, &request(number)).pem().to_owned();
    [1, 300, 70_000].map(list).concat()
});

#[test]
fn after_any_insertion_all_blocks_are_read_or_the_line_is_reported() {
    let lists = LISTS.as_bytes();
    for directory in 0..=lists.len() {
        for inserted in INSERTED {
            let changed = [&lists[..directory], inserted, &lists[directory..]].concat();
            assert_whole(&changed, 3);
        }
    }
}

#[test]
fn after_any_deletion_all_blocks_are_read_or_the_line_is_reported() {
    let lists = LISTS.as_bytes();
    let longest = LISTS.find("-----END").unwrap();
    for directory in 0..lists.len() {
        for length in (1..4).chain([20, 24, 25, 46, 48, 65, 130, longest]) {
            let end = lists.len().min(directory + length);
            assert_whole(&[&lists[..directory], &lists[end..]].concat(), 3);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn after_any_changes_all_blocks_are_read_or_the_line_is_reported(
        changes in prop::collection::vec(change(), 1..4)
    ) {
        let mut lists = LISTS.clone().into_bytes();
        for (directory, change) in changes {
            change.apply(&mut lists, directory);
        }
        assert_whole(&lists, 3);
    }
}

/// One change of a file.
#[derive(Clone, Debug)]
enum Edit {
    /// A line becomes another.
    Line(fn(&str) -> String),
    /// Some bytes become others.
    Splice(usize, Vec<u8>),
    /// Two lines change places.
    Swap(Index),
}

impl Edit {
    fn apply(&self, file: &mut Vec<u8>, directory: Index) {
        match self {
            Self::Splice(length, bytes) => {
                let start = directory.index(file.len());
                let end = file.len().min(start + length);
                file.splice(start..end, bytes.iter().copied());
            }
            Self::Line(change) => {
                let text = String::from_utf8_lossy(file).into_owned();
                let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
                let line = directory.index(lines.len());
                lines[line] = change(&lines[line]);
                *file = lines.join("\n").into_bytes();
            }
            Self::Swap(other) => {
                let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
                let count = lines.len();
                lines.swap(directory.index(count), other.index(count));
                *file = lines.join(&b'\n');
            }
        }
    }
}

fn change() -> impl Strategy<Value = (Index, Edit)> {
    let lines: Vec<fn(&str) -> String> = vec![
        |line| line.to_lowercase(),
        |line| format!(" {line}"),
        |line| format!("{line} "),
        |line| format!("# {line}"),
        |line| format!("\u{feff}{line}"),
        |line| format!("{line}\r"),
        |line| format!("{line}\n{line}"),
        |line| line.replace("-----", "\u{2013}"),
        |line| line.replace("X509 CRL", "TRUSTED CERTIFICATE"),
        |_| String::new(),
    ];
    let bytes = prop_oneof![
        select(&INSERTED[..]).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    let edit = prop_oneof![
        select(lines).prop_map(Edit::Line),
        (0..70_usize, bytes).prop_map(|(length, bytes)| Edit::Splice(length, bytes)),
        any::<Index>().prop_map(Edit::Swap),
    ];
    (any::<Index>(), edit)
}

/// All blocks are read, or the file is refused with one of its lines.
fn assert_whole(file: &[u8], count: usize) {
    let lines = file.split(|byte| *byte == b'\n').count();
    match kinds(file) {
        Ok(kinds) => {
            assert_eq!(kinds, vec!["revocation list"; count], "{}", file.escape_ascii());
        }
        Err(bad) => assert!((1..=lines).contains(&bad.line), "{bad}: {}", file.escape_ascii()),
    }
}

fn kinds(file: &[u8]) -> Result<Vec<&'static str>, BadPem> {
    blocks(file).map(|block| Ok(block?.item.kind())).collect()
}
