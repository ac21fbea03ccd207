//! The values of the file, one by one.

use super::{SECURE, assert_problems};

#[test]
fn a_file_that_is_no_toml_is_reported_as_that_alone() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            "x = 
y = 1 2
[[route]
"
        ),
        &[
            "5:5: not TOML: string values must be quoted, expected literal string",
            "6:5: not TOML: string values must be quoted, expected literal string",
            "7:9: not TOML: unclosed array table, expected `]`",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            "[admin]
listen = 127.0.0.1
"
        ),
        &["6:15: not TOML: invalid float"],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"name = "b"
"#
        ),
        &["5:1: not TOML: duplicate key"],
    );
}

#[test]
fn an_unknown_key_is_reported_with_the_one_that_was_meant() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"identiy = "a"
[limit]
[limits]
idle-timeout = "1s"
rate = 1
[admin]
port = 1
[[route]]
upstreams = ["http://a"]
pathprefix = "/"
allow = [{ cn = "a" }, { dnss = "a" }]
timeouts = { conect = "1s" }
identity_headers = { xfcc = true }
"#
        ),
        &[
            r#"5:1: listener 1: unknown key "identiy": did you mean "identity"?"#,
            r#"6:2: unknown key "limit": did you mean "limits"?"#,
            r#"8:1: limits: unknown key "idle-timeout": did you mean "idle_timeout"?"#,
            r#"9:1: limits: unknown key "rate": the keys here are handshake_timeout, header_timeout, idle_timeout, drain_timeout, max_connection_age, max_header_bytes, max_response_header_bytes, max_header_fields, max_connections, max_connections_per_address, max_requests, max_requests_total, log_refusals_per_second"#,
            r#"11:1: admin: unknown key "port": the only key here is listen"#,
            r#"14:1: route 1: unknown key "pathprefix": did you mean "path_prefix"?"#,
            r#"15:12: route 1: allow: unknown key "cn": the keys here are spiffe_id, dns, uri, ip, email, common_name, organization, organizational_unit, issuer, fingerprint256, any, all"#,
            r#"15:26: route 1: allow: unknown key "dnss": did you mean "dns"?"#,
            r#"16:14: route 1: timeouts: unknown key "conect": did you mean "connect"?"#,
            r#"17:22: route 1: identity_headers: unknown key "xfcc": the keys here are client_cert, client_cert_chain, forwarded, x_forwarded, x_forwarded_client_cert, x_forwarded_client_cert_pem"#,
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["https://a"]
upstream_tls = { identity = "a", verify = false }
"#
        ),
        &[
            r#"7:34: route 1: upstream_tls: unknown key "verify": the keys here are identity, server_name, spiffe_id"#,
        ],
    );
}

#[test]
fn a_value_of_a_wrong_type_is_reported_with_the_right_type() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"client_certificates = true
[admin]
listen = 9002
[limits]
max_requests = "7"
idle_timeout = 10
max_header_bytes = true
[[route]]
name = 1
host = ["a"]
path_prefix = 1
listeners = "secure"
upstreams = "http://a"
allow = { dns = "a" }
anonymous = "yes"
lends_identity = 1
identity_headers = { forwarded = "on" }
timeouts = "1s"
"#
        ),
        &[
            "5:23: listener 1: client_certificates: it has the type boolean: write a string, in quotes",
            "7:10: admin: listen: it has the type integer: write a string, in quotes",
            "9:16: limits: max_requests: it has the type string: write a whole number, without quotes",
            r#"10:16: limits: idle_timeout: it has the type integer: write a time with its unit, in quotes, such as "10s""#,
            r#"11:20: limits: max_header_bytes: it has the type boolean: write a size, in quotes, such as "32KiB""#,
            "13:8: route 1: name: it has the type integer: write a string, in quotes",
            "14:8: route 1: host: it has the type array: write a string, in quotes",
            "15:15: route 1: path_prefix: it has the type integer: write a string, in quotes",
            "16:13: route 1: listeners: it has the type string: write an array, in brackets",
            "17:13: route 1: upstreams: it has the type string: write an array, in brackets",
            "18:9: route 1: allow: it has the type table: write an array, in brackets",
            "19:13: route 1: anonymous: it has the type string: write true or false, without quotes",
            "20:18: route 1: lends_identity: it has the type integer: write true or false, without quotes",
            "21:34: route 1: identity_headers: forwarded: it has the type string: write true or false, without quotes",
            "22:12: route 1: timeouts: it has the type string: write a table",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
listeners = [1]
upstreams = [1, "http://a"]
allow = ["a"]
[[route]]
upstreams = ["http://a"]
path_prefix = "/b"
allow = [{ dns = 1 }, { any = { dns = "a" } }]
[route.identity_headers.forwarded]
"#
        ),
        &[
            "6:14: route 1: listeners: it has the type integer: write a string, in quotes",
            "7:14: route 1: upstreams: it has the type integer: write a string, in quotes",
            "8:10: route 1: allow: it has the type string: write a table",
            "12:18: route 2: allow: dns: it has the type integer: write a string, in quotes",
            "12:31: route 2: allow: any: it has the type table: write an array, in brackets",
            "13:1: route 2: identity_headers: forwarded: it has the type table: write true or false, without quotes",
        ],
    );
}

#[test]
fn times_sizes_and_numbers_are_in_range() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[limits]
handshake_timeout = "10"
header_timeout = "0s"
drain_timeout = "25h"
max_header_bytes = "32KB"
max_connections = 0
max_connections_per_address = -1
max_requests = 0
log_refusals_per_second = 4294967296
"#
        ),
        &[
            r#"6:21: limits: handshake_timeout: "10" is no duration: write 500ms, 10s, 5m or 2h"#,
            r#"7:18: limits: header_timeout: "0s" is no duration: write 500ms, 10s, 5m or 2h"#,
            r#"8:17: limits: drain_timeout: "25h" is no duration: write 500ms, 10s, 5m or 2h"#,
            r#"9:20: limits: max_header_bytes: "32KB" is no size: write 65536, 32KiB or 1MiB"#,
            "10:19: limits: max_connections: 0 is out of range: write 1 to 4294967295",
            "11:31: limits: max_connections_per_address: -1 is out of range: write 0 to 4294967295",
            "12:16: limits: max_requests: 0 is out of range: write 1 to 4294967295",
            "13:27: limits: log_refusals_per_second: 4294967296 is out of range: write 0 to 4294967295",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            "[limits]
max_header_bytes = 8191
"
        ),
        &["6:20: limits: max_header_bytes: use 8KiB to 16MiB"],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            "[limits]
max_requests_total = 999
"
        ),
        &["6:22: limits: max_requests_total: use max_requests, the limit of one listener, or more"],
    );
}

#[test]
fn hosts_prefixes_and_names_are_whole() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
host = "a:80"
[[route]]
upstreams = ["http://a"]
host = "a*"
[[route]]
upstreams = ["http://a"]
host = "*"
"#
        ),
        &[
            r#"7:8: route 1: host: "a:80" has a port: leave it out"#,
            r#"10:8: route 2: host: "a*" is not a host: a wildcard stands for the whole first label: write *.example.com"#,
            r#"13:8: route 3: host: "*" is not a host: leave it out to match any host"#,
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
path_prefix = "a"
[[route]]
upstreams = ["http://a"]
path_prefix = "/a/"
[[route]]
upstreams = ["http://a"]
path_prefix = "/a%2Fb"
[[route]]
upstreams = ["http://a"]
path_prefix = "/a?b"
[[route]]
upstreams = ["http://a"]
path_prefix = "/a;b"
[[route]]
upstreams = ["http://a"]
path_prefix = "/%252e%252e/a"
"#
        ),
        &[
            r#"7:15: route 1: path_prefix: "a" does not begin with a slash: write "/status""#,
            r#"10:15: route 2: path_prefix: "/a/" ends with a slash: leave it out, the rest is meant too"#,
            r#"13:15: route 3: path_prefix: "/a%2Fb" has an encoded dot, slash or backslash: requests with it are refused"#,
            r#"16:15: route 4: path_prefix: "/a?b" has a query or a fragment: write the path only"#,
            r#"19:15: route 5: path_prefix: "/a;b" is read in different ways by services: leave out parameters (;), encoded ?, # and %, and dots and spaces around a name"#,
            r#"22:15: route 6: path_prefix: "/%252e%252e/a" has a dot segment: requests with it are refused"#,
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
name = ""
[[route]]
upstreams = ["http://a"]
path_prefix = "/a"
name = "a\nb"
"#
        ),
        &[
            "7:8: route 1: name: it is not a valid name: write up to 256 visible characters",
            "11:8: route 2: name: it is not a valid name: write up to 256 visible characters",
        ],
    );
}

#[test]
fn upstreams_are_one_scheme_a_host_and_a_port() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["a:80", "ftp://a", "http://a/b", "http://u@a", "http://a:0", "http://*.a"]
"#
        ),
        &[
            r#"6:14: route 1: upstreams: "a:80" is not a URL: write one such as http://127.0.0.1:8000"#,
            r#"6:22: route 1: upstreams: "ftp://a" has an unknown scheme: write http, https or h2c"#,
            r#"6:33: route 1: upstreams: "http://a/b" has a path or a query: leave it out, that of the request is kept"#,
            r#"6:47: route 1: upstreams: "http://u@a" has a user: leave it out"#,
            r#"6:61: route 1: upstreams: "http://a:0" has no port after its colon: write 1 to 65535"#,
            r#"6:75: route 1: upstreams: "*.a" is not a host: write one such as api.example.com, 127.0.0.1 or [::1]"#,
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = []
[[route]]
path_prefix = "/a"
"#
        ),
        &[
            "6:13: route 1: upstreams: it is empty: name at least one",
            "7:1: route 2: upstreams is missing: name at least one, in an array of URLs",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a", "h2c://b"]
"#
        ),
        &["6:26: route 1: upstreams: h2c is mixed with http: make a route for each"],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = [
  "http://a",
  "http://A:80",
]
"#
        ),
        &["8:3: route 1: upstreams: http://a:80 is on line 7 already: name it once"],
    );
}

#[test]
fn https_upstreams_and_their_identity_come_together() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["https://a"]
"#
        ),
        &[
            "5:1: route 1: https upstreams need [route.upstream_tls] with an identity of the gateway",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
[route.upstream_tls]
identity = "a"
"#
        ),
        &[
            "7:1: route 1: upstream_tls: no upstream is https: write https:// or leave the table out",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["https://a"]
[route.upstream_tls]
server_name = "a:443"
spiffe_id = "spiffe://td/*"
[[route]]
path_prefix = "/a"
upstreams = ["https://a"]
[route.upstream_tls]
identity = ""
server_name = "[::1]"
"#
        ),
        &[
            "7:1: route 1: upstream_tls: identity is missing: name the directory of the gateway's certificate",
            r#"8:15: route 1: upstream_tls: server_name: "a:443" has a port: leave it out"#,
            r#"9:13: route 1: upstream_tls: spiffe_id: bad path in the SPIFFE ID "spiffe://td/*": its segments are of letters, digits, '.', '_' and '-': write the whole ID of the upstream"#,
            "14:12: route 2: upstream_tls: identity: it is empty: name the directory with tls.crt, tls.key and ca.crt",
            r#"15:15: route 2: upstream_tls: server_name: "[::1]" is not a name in a certificate: write an address without brackets"#,
        ],
    );
}

#[test]
fn a_policy_names_somebody() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
allow = []
[[route]]
upstreams = ["http://a"]
path_prefix = "/a"
allow = [{}]
[[route]]
upstreams = ["http://a"]
path_prefix = "/b"
allow = [{ any = [] }, { all = [] }, { all = [{}] }]
"#
        ),
        &[
            "7:9: route 1: allow: it is empty, which matches no peer: name the peers to allow",
            "11:10: route 2: allow: it is empty, which matches no peer: name the peers to allow",
            "15:18: route 3: allow: any: it is empty, which matches no peer: name the peers to allow",
            "15:32: route 3: allow: all: it is empty, which matches no peer: name the peers to allow",
            "15:47: route 3: allow: all: it is empty, which matches no peer: name the peers to allow",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
allow = [{ spiffe_id = "spiffe://td/a*" }, { ip = "10.0.0.0/8" },
  { dns = "", fingerprint256 = "00" }, { all = [{ common_name = "a\u0000" }] }]
"#
        ),
        &[
            r#"7:24: route 1: allow: spiffe_id: bad path in the SPIFFE ID "spiffe://td/a*": its segments are of letters, digits, '.', '_' and '-': write one such as spiffe://example.org/ns/default/sa/web, or end it with /*"#,
            r#"7:51: route 1: allow: ip: "10.0.0.0/8" is no IP address: write one such as 10.0.0.7 or fd00::7"#,
            "8:11: route 1: allow: dns: it is empty, and would name nobody: write the dns to allow",
            r#"8:32: route 1: allow: fingerprint256: "00" is no SHA-256 fingerprint: write 64 hexadecimal digits, with or without colons between each two"#,
            r#"8:65: route 1: allow: all: common_name: a control character stands in "a\0": names are written without"#,
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
allow = [{ any = [{ any = [{ any = [{ any = [{ any = [{ any = [{ any = [{ any = [{ dns = "a" }] }] }] }] }] }] }] }] }]
"#
        ),
        &["7:18: route 1: allow: any: any and all are nested deeper than 8: write it flatter"],
    );
}

#[test]
fn columns_count_characters() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
name = "äöü"
allow = [{ dns = "ä" }, { dns = "é" }]
"#
        ),
        &[
            r#"8:18: route 1: allow: dns: "ä" is no DNS name: write one such as api.example.com, in ASCII (xn--…)"#,
            r#"8:33: route 1: allow: dns: "é" is no DNS name: write one such as api.example.com, in ASCII (xn--…)"#,
        ],
    );
}

#[test]
fn what_contradicts_itself_or_stands_at_a_wrong_place_is_reported() {
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[[route]]
upstreams = ["http://a"]
[route.identity_headers]
x_forwarded_client_cert = false
x_forwarded_client_cert_pem = true
"#
        ),
        &[
            "7:1: route 1: identity_headers: x_forwarded_client_cert_pem is an element of x_forwarded_client_cert, which is off: switch both on or both off",
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"revocation = "on"
"#
        ),
        &[
            r#"5:1: listener 1: unknown key "revocation": the keys here are name, listen, identity, client_certificates, plain, redirect_to_https"#,
        ],
    );
    assert_problems(
        &format!(
            "{SECURE}{}",
            r#"[route]
upstreams = ["http://a"]
"#
        ),
        &[
            "5:1: route: it has the type table: write an array of tables: write [[route]] above each",
        ],
    );
}
