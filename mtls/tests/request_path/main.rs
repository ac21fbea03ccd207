//! No accepted path is read by any server as below another prefix, as a slow model of each server
//! checks, written from its documentation and its advisories, independently of the matcher.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod servers;

use std::collections::BTreeSet;

use mtls::policy::{InvalidPath, PathTable, RequestPath};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use self::servers::{SERVERS, Server, decode, text};

#[test]
fn harmless_paths_are_accepted() {
    let table = table(&PREFIXES);
    for (path, prefix) in [
        ("/", "/"),
        ("/;jsessionid=1", "/"),
        ("/app/page;jsessionid=1", "/"),
        ("/app/page;v=1;w=2/next", "/"),
        ("/page.html", "/"),
        ("/v1.2/things", "/"),
        ("/a%20c/100%25", "/"),
        ("/a%25bc/%25", "/"),
        ("/%C3%A9t%C3%A9/%E6%97%A5%E6%9C%AC%E8%AA%9E", "/"),
        ("/é", "/"),
        ("/wiki/C++", "/"),
        ("/things:batchGet", "/"),
        ("/proxy/http%253A%252F%252Fa.b%252Fc", "/"),
        ("/administrator", "/"),
        ("/x/admin", "/"),
        ("/index.php/page", "/"),
        ("/a/...", "/"),
        ("/a/.well-known/x", "/"),
        ("/Downloads/READ.ME", "/"),
        ("/HEAD~1", "/"),
        ("/admin", "/admin"),
        ("/admin/", "/admin"),
        ("/admin/X;y=z/%41", "/admin"),
        ("/admin/http%253A%252F%252Fa.b%252Fc%253Fd%253De", "/admin"),
        ("/admin/index.php/x.json", "/admin"),
        ("/api/admin/x", "/api/admin"),
        ("/robots.txt", "/robots.txt"),
        ("/caf%C3%A9/x", "/caf%C3%A9"),
    ] {
        assert_eq!(find(&table, path), Ok(Some(prefix)), "{path}");
    }
}

#[test]
fn a_path_that_some_server_reads_as_below_another_prefix_is_ambiguous() {
    let table = table(&PREFIXES);
    assert_eq!(find(&table, "/admin/x"), Ok(Some("/admin")));
    for (path, what) in [
        ("/admin;/x", "a parameter"),
        ("/admin;a=b/x", "a parameter"),
        ("/admin%3Ba/x", "a parameter"),
        ("/api/admin;x", "a parameter"),
        ("/ADMIN", "another case"),
        ("/api/Admin/x", "another case"),
        ("/admin.", "a dot or a space"),
        ("/admin./x", "a dot or a space"),
        ("/admin%20/x", "a dot or a space"),
        ("/%20admin", "a dot or a space"),
        ("/.../admin", "a dot or a space"),
        ("/a+b", "a dot or a space"),
        ("/%61dmin/x", "an encoded letter"),
        ("/%2561dmin/x", "encoded percent"),
        ("/%25%36%31dmin", "encoded percent"),
        ("/%25u0061dmin", "encoded percent"),
        ("/%252fadmin", "encoded percent"),
        ("/admin%253bx", "encoded percent"),
        ("/a%25ffdmin", "encoded percent"),
        ("/admin%3Fx", "an encoded ? or #"),
        ("/admin%23/x", "an encoded ? or #"),
        ("/api;%252fx/admin", "a parameter"),
        ("/api;%EF%BC%8Fx/admin", "a parameter"),
        ("/y;p%252fapi;%25252fx/admin", "a parameter"),
        ("/admin:;a=b:$DATA/x", "a parameter"),
        ("/index.php/a%252fb%3Fc/x", "encoded percent"),
        ("/admin::$INDEX_ALLOCATION/x", "a stream's name"),
        ("/admin:$I30:$INDEX_ALLOCATION/x", "a stream's name"),
        ("/%EF%BD%81dmin", "outside ASCII"),
        ("/%EF%BC%8Fadmin", "outside ASCII"),
        ("/ad%E2%80%8Bmin", "outside ASCII"),
        ("/%C3%A1dmin", "outside ASCII"),
        ("/\u{3b1}dmin", "outside ASCII"),
        ("/adm%C4%B1n", "outside ASCII"),
        ("/cafe", "route's"),
        ("/index.php/admin", "script's name"),
        ("/api/index.php/admin/x", "script's name"),
        ("/api/in%EF%BC%8Fdex.php/admin", "outside ASCII"),
        ("/i;ndex.php/admin", "a parameter"),
        ("/admin.php/x", "script's name"),
        ("/admin.json", "an extension"),
        ("/api/admin.json", "an extension"),
        ("/index.php/admin.json", "an extension"),
        ("/WP-CON~1/x", "a short name"),
    ] {
        let found = find(&table, path);
        let Err(InvalidPath::Ambiguous(message)) = found else {
            unreachable!("{path}: {found:?}");
        };
        assert!(message.contains(what), "{path}: {message}");
    }
}

#[test]
fn a_dangerous_path_is_refused_whatever_the_prefixes() {
    let table = table(&["/"]);
    for (path, why) in [
        ("", InvalidPath::NoSlash),
        ("*", InvalidPath::NoSlash),
        ("//", InvalidPath::EmptySegment),
        ("/a//b", InvalidPath::EmptySegment),
        ("/;/admin/x", InvalidPath::EmptySegment),
        ("/;a=b/admin/x", InvalidPath::EmptySegment),
        ("/;;/admin/x", InvalidPath::EmptySegment),
        ("/api/;/admin", InvalidPath::EmptySegment),
        ("/api/%3B/admin", InvalidPath::EmptySegment),
        ("/a\\b", InvalidPath::Backslash),
        ("/a%5cb", InvalidPath::EncodedBackslash),
        ("/a%2Fb", InvalidPath::EncodedSlash),
        ("/%2e%2e/b", InvalidPath::EncodedDot),
        ("/a%00", InvalidPath::EncodedNul),
        ("/a%", InvalidPath::BareEscape),
        ("/a%u002f", InvalidPath::BareEscape),
        ("/..", InvalidPath::DotSegment),
        ("/a/./b", InvalidPath::DotSegment),
        ("/a/..;x=1/b", InvalidPath::DotSegment),
        ("/a/..%3bx/b", InvalidPath::DotSegment),
        ("/a/..%20/b", InvalidPath::DotSegment),
        ("/a/.%20./b", InvalidPath::DotSegment),
        ("/a/..::$DATA/b", InvalidPath::DotSegment),
        ("/a/..%3f/b", InvalidPath::DotSegment),
        ("/a/%252e%252e/b", InvalidPath::DotSegment),
        ("/a/..%252fb", InvalidPath::DotSegment),
        ("/a/..%255cb", InvalidPath::DotSegment),
        ("/a/%25%32%65%25%32%65/b", InvalidPath::DotSegment),
        ("/a/..%EF%BC%8Fb", InvalidPath::DotSegment),
        ("/a/%EF%BC%8E%EF%BC%8E/b", InvalidPath::DotSegment),
        ("/a/%E2%80%A5/b", InvalidPath::DotSegment),
        ("/a/..%E2%80%8B/b", InvalidPath::DotSegment),
        ("/a/\u{2025}/b", InvalidPath::DotSegment),
        ("/a%09", InvalidPath::Control),
        ("/a%0d%0ab", InvalidPath::Control),
        ("/a%7f", InvalidPath::Control),
        ("/a%250a", InvalidPath::Control),
        ("/a%2500", InvalidPath::Control),
        ("/a%C2%85", InvalidPath::Control),
        ("/a%E2%80%A8", InvalidPath::Control),
        ("/%c0%af", InvalidPath::InvalidUtf8),
        ("/%c0%ae%c0%ae/", InvalidPath::InvalidUtf8),
        ("/%e0%80%af", InvalidPath::InvalidUtf8),
        ("/%25c0%25af", InvalidPath::InvalidUtf8),
        ("/%ff", InvalidPath::InvalidUtf8),
        ("/%2525252561", InvalidPath::TooDeep),
    ] {
        assert_eq!(find(&table, path), Err(why), "{path}");
    }
}

#[test]
fn a_path_without_a_matching_prefix_selects_nothing() {
    let table = table(&["/status"]);

    assert_eq!(find(&table, "/status/x"), Ok(Some("/status")));
    assert_eq!(find(&table, "/statusfoo"), Ok(None));
    assert_eq!(find(&table, "/"), Ok(None));
    assert!(matches!(find(&table, "/Status"), Err(InvalidPath::Ambiguous(_))));
}

/// Every mutation at every position of paths below the prefixes, and a sample of all pairs.
#[test]
fn no_server_reads_a_mutated_path_as_below_another_prefix() {
    let table = table(&PREFIXES);
    let (mut accepted, mut refused, mut fooled) = (0, 0, BTreeSet::new());
    let mut check = |path: &str| {
        match find(&table, path) {
            Ok(found) => {
                accepted += 1;
                assert_eq!(others(path, found, &PREFIXES), NOBODY, "{path} selects {found:?}");
            }
            Err(_) => refused += 1,
        }
        let literally = longest(path, false, &PREFIXES).copied();
        fooled.extend(others(path, literally, &PREFIXES));
        let decoded = longest(&text(decode(path)), false, &PREFIXES).copied();
        fooled.extend(others(path, decoded, &PREFIXES));
    };
    for path in ["/admin/x", "/api/admin", "/x/admin", "/WP-CON~1/x", "/a+b/x"] {
        for once in mutations(path) {
            check(&once);
            for twice in mutations(&once).step_by(307) {
                check(&twice);
            }
        }
    }

    assert!(accepted > 1_000 && refused > 1_000, "{accepted} accepted, {refused} refused");
    // Otherwise a model would prove nothing.
    let all: BTreeSet<&str> = SERVERS.iter().map(|server| server.name).collect();
    assert_eq!(fooled, all, "a matcher of sent or decoded text must be fooled by each");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn no_server_reads_an_accepted_path_as_below_another_prefix(
        pieces in prop::collection::vec(piece(), 1..8),
        prefixes in subsequence(&PREFIXES[1..], 1..PREFIXES.len() - 1),
        root in any::<bool>(),
    ) {
        let prefixes = [if root { &["/"][..] } else { &[] }, &prefixes].concat();
        let table = table(&prefixes);
        let path = format!("/{}", pieces.concat());
        if let Ok(found) = find(&table, &path) {
            prop_assert_eq!(others(&path, found, &prefixes), NOBODY, "{} selects {:?}", path, found);
        }
    }

    #[test]
    fn a_path_of_letters_selects_the_longest_prefix(
        segments in prop::collection::vec(select(&["admin", "api", "x", "status"][..]), 0..4),
    ) {
        let path = format!("/{}", segments.join("/"));

        let longest = longest(&path, false, &PREFIXES).copied();
        prop_assert_eq!(find(&table(&PREFIXES), &path), Ok(longest));
    }
}

fn table<'a>(prefixes: &[&'a str]) -> PathTable<&'a str> {
    prefixes.iter().map(|prefix| (prefix.parse().unwrap(), *prefix)).collect()
}

fn find<'a>(table: &PathTable<&'a str>, path: &str) -> Result<Option<&'a str>, InvalidPath> {
    Ok(table.find(&RequestPath::parse(path)?)?.copied())
}

/// The servers that serve the path, but not below the selected prefix.
fn others(path: &str, selected: Option<&str>, all: &[&str]) -> Vec<&'static str> {
    // A path that a server reads as above the selected prefix (`/robots` for `/robots.txt`) needs
    // no more permission than that prefix grants.
    let above = |read: &str| selected.is_some_and(|it| covers(read, it, false));
    let differs = |server: &&Server| {
        (server.read)(path).iter().any(|reading| {
            let read = longest(reading, server.ignores_case, all).copied();
            read != selected && !(server.reads_names_apart && read.is_none_or(above))
        })
    };
    SERVERS.iter().filter(differs).map(|server| server.name).collect()
}

fn longest<'a>(path: &str, ignores_case: bool, all: &'a [&'a str]) -> Option<&'a &'a str> {
    all.iter().filter(|prefix| covers(prefix, path, ignores_case)).max_by_key(|it| it.len())
}

fn covers(prefix: &str, path: &str, ignores_case: bool) -> bool {
    let folded = |text: &str| if ignores_case { text.to_lowercase() } else { text.to_owned() };
    let (decoded, path) = (folded(&text(decode(prefix))), folded(path));
    // Node compares the raw path, and servers that fold accents do so in their own names.
    let unaccented = if ignores_case { decoded.replace('é', "e") } else { decoded.clone() };
    [folded(prefix), decoded, unaccented]
        .iter()
        .any(|prefix| prefix == "/" || path == *prefix || path.starts_with(&format!("{prefix}/")))
}

fn mutations(path: &str) -> impl Iterator<Item = String> {
    let places: Vec<usize> = (1..=path.len()).filter(|at| path.is_char_boundary(*at)).collect();
    let insert = |at: usize| {
        let (before, after) = path.split_at(at);
        MUTATIONS.iter().map(move |it| format!("{before}{it}{after}"))
    };
    let inserted: Vec<String> = places.iter().flat_map(|at| insert(*at)).collect();
    let replaced: Vec<String> = path
        .char_indices()
        .filter(|(_, c)| c.is_ascii_alphabetic())
        .flat_map(|(at, c)| {
            let (before, after) = (&path[..at], &path[at + 1..]);
            let wide = char::from_u32(u32::from(c) + 0xfee0).unwrap();
            [
                c.to_ascii_uppercase().to_string(),
                format!("%{:02x}", u32::from(c)),
                format!("%25{:02x}", u32::from(c)),
                format!("%25u00{:02x}", u32::from(c)),
                wide.to_string(),
                format!("{c}\u{301}"),
            ]
            .map(|new| format!("{before}{new}{after}"))
        })
        .collect();
    inserted.into_iter().chain(replaced)
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&["admin", "/", "api", "x", "caf%C3%A9", "robots.txt", "wp-content"][..])
            .prop_map(str::to_owned),
        4 => select(MUTATIONS).prop_map(str::to_owned),
        1 => select(&["ADMIN", "Api", "%61dmin", "adm%C4%B1n", "WP-CON~1", "cafe", "%2561pi"][..])
            .prop_map(str::to_owned),
        1 => any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
        1 => "[a-z./;%]{1,3}",
        1 => any::<char>().prop_filter("no path has it", |c| !matches!(c, '?' | '#')).prop_map(String::from),
    ]
}

const NOBODY: Vec<&str> = Vec::new();

const PREFIXES: [&str; 8] =
    ["/", "/admin", "/api", "/api/admin", "/robots.txt", "/wp-content", "/caf%C3%A9", "/a%20b"];

const MUTATIONS: &[&str] = &[
    ";",
    ";a=b",
    "/;/",
    ";/",
    "/;a=b/",
    "%3b",
    "%3Bx/",
    "%253b",
    "//",
    "/",
    "/./",
    "/../",
    "/..;/",
    "/x/../",
    "%2e",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "%252f",
    "%252e",
    "%25",
    "%2525",
    ".",
    "..",
    "...",
    "/.../",
    "%20",
    "/%20/",
    "%09",
    "%0a",
    "::$DATA",
    ":$I30:$INDEX_ALLOCATION",
    ":x",
    "%23",
    "%3f",
    "%253f",
    "+",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8f",
    "%e2%80%8b",
    "%c2%ad",
    "%ff",
    "%25ff",
    "/index.php/",
    "index.php/",
    ".php",
    ".php/",
    ".json",
    "~1",
    "\u{301}",
    "%CC%81",
    "%u002f",
];
