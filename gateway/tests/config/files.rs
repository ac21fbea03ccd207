//! Files that are none, and bytes that nobody wrote.

use std::fs;

use gateway::config::{Config, Problems};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, proptest};

use super::{LISTENERS, SECURE, UP, problems};

#[test]
fn a_file_is_read_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    fs::write(&path, SECURE).unwrap();

    assert_eq!(Config::read(&path).unwrap().listeners[0].name, "secure");

    fs::write(&path, format!("{SECURE}x = 1\n")).unwrap();
    let shown = Config::read(&path).unwrap_err().to_string();
    assert!(shown.starts_with(&format!("{}:5:1: listener 1: unknown key \"x\"", path.display())));
}

#[test]
fn a_file_that_cannot_be_read_is_reported_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    let of_path = |problem: &str| format!("{}: {problem}", path.display());
    let shown = || Config::read(&path).unwrap_err().to_string();

    assert_eq!(shown(), of_path("cannot be read: No such file or directory (os error 2)"));

    fs::create_dir(&path).unwrap();
    assert_eq!(shown(), of_path("is a directory: name the file in it"));

    fs::remove_dir(&path).unwrap();
    fs::write(&path, " ".repeat(1024 * 1024 + 1)).unwrap();
    assert_eq!(shown(), of_path("is larger than 1 MiB: no configuration needs that"));

    fs::write(&path, b"[admin]\n# \xc3\xa4\xff").unwrap();
    assert_eq!(
        shown(),
        format!("{}:2:4: not UTF-8: save the file in this encoding", path.display())
    );
}

#[test]
fn a_value_with_a_line_break_forges_no_line() {
    for (head, tail) in [
        ("revocation = \"a\\ngateway.toml:1:1: b\"\n", ""),
        ("", "[limits]\nidle_timeout = \"a\\n\\u001b[2J\"\n"),
        ("", "[[route]]\nupstreams = [\"http://a\"]\nhost = \"a\\nb\"\n"),
        ("", "[[route]]\nupstreams = [\"http://a\"]\nallow = [{ spiffe_id = \"a\\u0085b\" }]\n"),
        ("\"a\\nb\" = 1\n", ""),
    ] {
        let shown = problems(&format!("{head}{SECURE}{tail}"));

        assert!(!shown.contains(char::is_control), "{shown}");
    }
}

#[test]
fn a_hundred_problems_are_reported_and_the_rest_counted() {
    let keys: String = (0..Problems::SHOWN + 17).map(|number| format!("k{number} = 1\n")).collect();

    let shown = problems(&format!("{SECURE}{keys}"));

    assert_eq!(shown.lines().count(), Problems::SHOWN + 1);
    assert!(shown.ends_with("\nand 17 more"), "{shown}");
}

#[test]
fn problems_stand_in_the_order_of_their_places() {
    let text =
        format!("z = 1\n{LISTENERS}{UP}host = \"a:1\"\nlisteners = [\"x\"]\nq = 1\n[b]\n[a]\n");

    let problems = Config::parse("gateway.toml", text).unwrap_err();

    let places: Vec<_> = problems.iter().map(|problem| problem.position.unwrap()).collect();
    assert_eq!(places.len(), 6);
    assert!(places.is_sorted());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in collection::vec(any::<u8>(), 0..512)) {
        let _ = Config::parse("gateway.toml", bytes).map_err(|problems| assert!(!problems.to_string().is_empty()));
    }

    #[test]
    fn no_words_of_its_own_make_it_panic(words in collection::vec(word(), 0..64)) {
        let _ = Config::parse("gateway.toml", words.concat()).map_err(|problems| assert!(!problems.to_string().is_empty()));
    }

    #[test]
    fn no_change_of_a_good_file_makes_it_panic(
        at in 0..LISTENERS.len(),
        taken in 0..16_usize,
        put in word(),
    ) {
        let end = (at + taken).min(LISTENERS.len());
        let text = [&LISTENERS[..at], &put, &LISTENERS[end..], UP].concat();

        if let Err(problems) = Config::parse("gateway.toml", &text) {
            assert!(problems.iter().count() > 0);
            let lines = text.lines().count().max(1) + 1;
            assert!(problems.iter().all(|p| p.position.is_some_and(|place| place.line <= lines)));
        }
    }
}

/// A piece of a file, or a character.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "[[listener]]\n",
        "[[route]]\n",
        "[route]\n",
        "[route.upstream_tls]\n",
        "[limits]\n",
        "[admin]\n",
        "name",
        "listen",
        "identity",
        "plain",
        "redirect_to_https",
        "listeners",
        "host",
        "path_prefix",
        "upstreams",
        "allow",
        "any",
        "all",
        "dns",
        "spiffe_id",
        "timeouts",
        " = ",
        "\n",
        "true",
        "false",
        "0",
        "-1",
        "1e400",
        "0xffffffffffffffffff",
        "nan",
        "1979-05-27",
        "\"",
        "'",
        "\"\"\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "#",
        "\\u0000",
        "\"a\"",
        "\"*.a\"",
        "\"/\"",
        "\"[::1]\"",
        "\"http://[::1]:1\"",
        "\"https://a\"",
        "\"10s\"",
        "\"127.0.0.1:1\"",
        "[\"a\"]",
        "{ a = 1 }",
        "é",
        "\u{feff}",
        "\r\n",
        "\0",
    ];
    let known = (0..words.len()).prop_map(move |index| words[index].to_owned());
    prop_oneof![4 => known, 1 => any::<char>().prop_map(String::from), 1 => Just(String::new())]
}
