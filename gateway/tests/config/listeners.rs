//! Listeners, and what they have to do with one another.

use super::assert_problems;

#[test]
fn there_is_a_listener() {
    assert_problems(
        "",
        &["1:1: listener is missing: write [[listener]] with a name and an address"],
    );
    assert_problems(
        "listener = []
",
        &["1:12: listener: it is empty: write [[listener]] with a name and an address"],
    );
    assert_problems(
        r#"revocation = "on"
[[listener]]
name = "a"
listen = "127.0.0.1:1"
plain = true
"#,
        &[r#"1:14: revocation: "on" is not a revocation mode: write required, checked or off"#],
    );
    assert_problems(
        r#"[listener]
name = "a"
"#,
        &[
            "1:1: listener: it has the type table: write an array of tables: write [[listener]] above each",
        ],
    );
    assert_problems(
        "[[listener]]
",
        &[
            "1:1: listener 1: name is missing: routes and logs refer to the listener by it",
            r#"1:1: listener 1: listen is missing: write an address such as "127.0.0.1:8443""#,
            r#"1:1: listener 1: it has no security setting: add identity = "…" (HTTPS), plain = true, or redirect_to_https = 443"#,
        ],
    );
}

#[test]
fn each_value_of_a_listener_is_checked() {
    assert_problems(
        r#"[[listener]]
name = "a b"
listen = "localhost:8443"
identity = ""
client_certificates = "on"
"#,
        &[
            r#"2:8: listener 1: name: "a b" is not a valid name: write 1 to 64 letters, digits, '.', '_' and '-'"#,
            r#"3:10: listener 1: listen: "localhost:8443" is not an address to listen on: write 127.0.0.1:8443 or [::]:8443"#,
            "4:12: listener 1: identity: it is empty: name the directory with tls.crt, tls.key and ca.crt",
            r#"5:23: listener 1: client_certificates: "on" is not known: write required, optional or off"#,
        ],
    );
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1"
plain = true
"#,
        &[
            r#"3:10: listener 1: listen: "127.0.0.1" is not an address to listen on: write 127.0.0.1:8443 or [::]:8443"#,
        ],
    );
}

#[test]
fn a_listener_is_secured_in_one_way() {
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1:1"
identity = "a"
plain = true
[[listener]]
name = "b"
listen = "127.0.0.1:2"
plain = true
redirect_to_https = 443
"#,
        &[
            r#"1:1: listener 1: it is secured by more than one key: keep only identity = "…" (HTTPS), plain = true, or redirect_to_https = 443"#,
            r#"6:1: listener 2: it is secured by more than one key: keep only identity = "…" (HTTPS), plain = true, or redirect_to_https = 443"#,
        ],
    );
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1:1"
plain = false
"#,
        &[
            r#"1:1: listener 1: it has no security setting: add identity = "…" (HTTPS), plain = true, or redirect_to_https = 443"#,
        ],
    );
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1:1"
plain = true
client_certificates = "off"
"#,
        &[
            "5:23: listener 1: client_certificates: only HTTPS asks for certificates: add an identity, or leave this out",
        ],
    );
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1:1"
redirect_to_https = 0
[[listener]]
name = "b"
listen = "127.0.0.1:2"
redirect_to_https = 65536
"#,
        &[
            "4:21: listener 1: redirect_to_https: 0 is out of range: write 1 to 65535",
            "8:21: listener 2: redirect_to_https: 65536 is out of range: write 1 to 65535",
        ],
    );
}

#[test]
fn a_listener_has_a_name_and_an_address_of_its_own() {
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1:1"
plain = true
[[listener]]
name = "a"
listen = "127.0.0.1:2"
plain = true
"#,
        &[r#"6:8: the listener on line 2 has the name "a" too: give each a unique name"#],
    );
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1:1"
plain = true
[[listener]]
name = "b"
listen = "127.0.0.1:1"
plain = true
[[listener]]
name = "c"
listen = "0.0.0.0:1"
plain = true
"#,
        &[
            "7:10: 127.0.0.1:1 is taken by the listener on line 3: write another",
            "11:10: 0.0.0.0:1 is taken by the listener on line 3: write another",
        ],
    );
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "127.0.0.1:9002"
plain = true
"#,
        &["3:10: 127.0.0.1:9002 is the admin listener's by default: write [admin] with another"],
    );
    assert_problems(
        r#"[[listener]]
name = "a"
listen = "0.0.0.0:9100"
plain = true
[admin]
listen = "127.0.0.1:9100"
"#,
        &["6:10: 0.0.0.0:9100 is taken by the listener on line 3: write another"],
    );
}
