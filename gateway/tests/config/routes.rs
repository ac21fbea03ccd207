//! What routes have to do with listeners and with one another, and the rules of safety.

use gateway::config::Config;

use super::{LISTENERS, assert_problems};

#[test]
fn what_is_said_in_so_many_words_is_taken() {
    let tls = "upstreams = [\"https://a\"]\nupstream_tls = { identity = \"a\" }\n";
    let plain = "upstreams = [\"http://a\"]\n";
    let allow = "allow = [{ dns = \"a\" }]\n";
    for (route, upstreams) in [
        ("listeners = [\"secure\"]\n", tls),
        ("listeners = [\"secure\"]\nanonymous = true\n", plain),
        ("listeners = [\"secure\", \"optional\"]\n", tls),
        ("listeners = [\"optional\", \"open\", \"plain\"]\nanonymous = true\n", plain),
        ("listeners = [\"plain\"]\nanonymous = true\nlends_identity = true\n", tls),
        ("listeners = [\"optional\"]\nlends_identity = false\n", tls),
    ] {
        let text = format!("{LISTENERS}{route}{upstreams}");

        let shown = Config::parse("gateway.toml", &text).map_err(|problems| problems.to_string());

        assert_eq!(shown.map(|config| config.routes.len()), Ok(1), "{text}");
    }
    for listeners in ["\"secure\"", "\"secure\", \"optional\""] {
        let text = format!("{LISTENERS}listeners = [{listeners}]\n{allow}{plain}");

        let config = Config::parse("gateway.toml", &text).unwrap();

        assert!(config.routes[0].allow.is_some());
    }
}

#[test]
fn the_same_path_on_two_listeners_is_two_routes() {
    let text = format!(
        "{LISTENERS}name = \"a\"\nlisteners = [\"secure\"]\nupstreams = [\"http://a\"]\n\
         [[route]]\nname = \"b\"\nlisteners = [\"optional\"]\nupstreams = [\"http://b\"]\n"
    );

    assert_eq!(Config::parse("gateway.toml", text).unwrap().routes.len(), 2);
}

#[test]
fn a_route_names_listeners_that_take_it() {
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"upstreams = ["http://a"]
listeners = ["secur", "x"]
"#
        ),
        &[
            r#"26:14: route 1: listeners: no listener has the name "secur": did you mean "secure"?"#,
            r#"26:23: route 1: listeners: no listener has the name "x": the listeners are secure, optional, open, plain"#,
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"upstreams = ["http://a"]
listeners = ["secure", "secure"]
"#
        ),
        &[r#"26:24: route 1: listeners: "secure" is named twice: name it once"#],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"upstreams = ["http://a"]
listeners = ["redirect"]
"#
        ),
        &[r#"26:14: route 1: listeners: "redirect" redirects every request and serves no routes"#],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"upstreams = ["http://a"]
"#
        ),
        &[
            "24:1: route 1: listeners is missing, and several listeners serve routes: name one or more of secure, optional, open, plain",
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"upstreams = ["http://a"]
listeners = []
"#
        ),
        &["26:13: route 1: listeners: it is empty: name at least one"],
    );
}

#[test]
fn a_route_that_no_client_may_use_is_noted() {
    let notes = |route: &str| {
        let text = format!("{LISTENERS}{route}upstreams = [\"http://a\"]\n");
        Config::parse("gateway.toml", &text).unwrap().notes()
    };

    let one = notes("name = \"a\"\nlisteners = [\"open\"]\n");
    let other = notes("name = \"a\"\nlisteners = [\"secure\", \"optional\", \"plain\"]\n");
    let meant = notes("anonymous = true\nlisteners = [\"open\", \"plain\"]\n");

    let note = |listener: &str, how: &str| {
        format!(
            "the route \"a\" refuses every request on the listener \"{listener}\", which verifies no \
             client certificates ({how}): add anonymous = true to accept callers without a \
             certificate"
        )
    };
    assert_eq!(one, [note("open", "client_certificates = \"off\"")]);
    assert_eq!(other, [note("plain", "plain = true")]);
    assert!(meant.is_empty());
}

#[test]
fn our_certificate_vouches_for_anyone_only_where_that_is_said() {
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["optional"]
anonymous = true
upstreams = ["https://a"]
upstream_tls = { identity = "a" }
"#
        ),
        &[
            "24:1: route 1: callers without a certificate (anonymous = true) would be forwarded with the gateway's own certificate: add lends_identity = true if that is intended",
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["optional"]
anonymous = true
upstreams = ["https://a"]
upstream_tls = { identity = "a" }
lends_identity = false
"#
        ),
        &[
            "24:1: route 1: callers without a certificate (anonymous = true) would be forwarded with the gateway's own certificate: add lends_identity = true if that is intended",
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["optional"]
upstreams = ["https://a"]
upstream_tls = { identity = "a" }
lends_identity = true
"#
        ),
        &[
            "28:18: route 1: lends_identity: the route is not anonymous, so this has no effect: leave it out",
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["optional"]
anonymous = true
upstreams = ["http://a"]
lends_identity = true
"#
        ),
        &[
            "28:18: route 1: lends_identity: http and h2c upstreams get no certificate: leave it out",
        ],
    );
}

#[test]
fn anyone_and_only_some_contradict_each_other() {
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["secure", "optional"]
anonymous = true
allow = [{ dns = "a" }]
upstreams = ["http://a"]
"#
        ),
        &[
            r#"24:1: route 1: anonymous = true accepts any caller on the listener "optional" (client_certificates = "optional"), and allow only some: leave one of the two out"#,
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["open"]
anonymous = true
allow = [{ dns = "a" }]
upstreams = ["http://a"]
"#
        ),
        &[
            r#"24:1: route 1: anonymous = true accepts any caller on the listener "open" (client_certificates = "off"), and allow only some: leave one of the two out"#,
        ],
    );
}

#[test]
fn two_routes_differ_in_match_and_name() {
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["secure", "optional"]
host = "A"
path_prefix = "/x"
upstreams = ["http://a"]
[[route]]
name = "other"
listeners = ["optional"]
host = "a"
path_prefix = "/x"
upstreams = ["http://a"]
"#
        ),
        &[
            r#"29:1: route 2: the route on line 24 already has a/x on the listener "optional": change one of the two"#,
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["secure"]
upstreams = ["http://a"]
[[route]]
listeners = ["optional"]
upstreams = ["http://a"]
"#
        ),
        &[r#"27:1: route 2: the route on line 24 has the name "*/" too: give each a unique name"#],
    );
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"name = "a"
listeners = ["secure"]
upstreams = ["http://a"]
[[route]]
name = "a"
path_prefix = "/b"
listeners = ["secure"]
upstreams = ["http://a"]
"#
        ),
        &[r#"28:1: route 2: the route on line 24 has the name "a" too: give each a unique name"#],
    );
}

#[test]
fn two_routes_differ_for_every_service() {
    assert_problems(
        &format!(
            "{LISTENERS}{}",
            r#"listeners = ["secure"]
path_prefix = "/Admin"
upstreams = ["http://a"]
[[route]]
listeners = ["secure", "optional"]
path_prefix = "/admin"
upstreams = ["http://a"]
[[route]]
listeners = ["optional"]
path_prefix = "/administrator"
upstreams = ["http://a"]
"#
        ),
        &[
            r#"28:1: route 2: some services read /admin as /Admin, which the route on line 24 has on the listener "secure": change one of the two"#,
        ],
    );
}

#[test]
fn a_route_is_not_blamed_twice() {
    let up = "listeners = [\"secure\"]\nupstreams = [\"http://a\"]\n";
    assert_problems(
        &format!("{LISTENERS}{up}[[route]]\n{up}"),
        &[
            r#"27:1: route 2: the route on line 24 already has */ on the listener "secure": change one of the two"#,
        ],
    );
    assert_problems(
        &format!(
            "{LISTENERS}listeners = [\"open\"]\nanonymous = \"true\"\nupstreams = [\"http://a\"]\n"
        ),
        &["26:13: route 1: anonymous: it has the type string: write true or false, without quotes"],
    );
}
