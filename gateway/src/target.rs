//! Whom and what a request is for: its host and its path, with every ambiguity refused that the
//! service behind might read in another way than we do (request smuggling, path confusion).

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use thiserror::Error;

/// The host and the path of a request, each in the one form that routes are compared with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    /// As the caller wrote it, with its port.
    pub(crate) authority: Authority,
    /// In lower case, without port, trailing dot and an address' brackets.
    pub(crate) host: String,
    /// Decoded, since the service behind decodes it: `/%61dmin` must not pass by what holds for
    /// `/admin`.
    pub(crate) path: String,
}

/// A request that could mean one thing to us and another to the service behind.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum BadRequest {
    #[error("the authority of its target is not the one in its Host field: send one of them")]
    AuthorityDiffers,
    #[error("its Host is no host name: send a name or an address, and a port if need be")]
    HostInvalid,
    #[error("it has no Host: send the name of the service")]
    HostMissing,
    #[error("it has more than one Host: send one")]
    HostTwice,
    #[error("a gateway makes no tunnels and echoes no requests: use another method")]
    Method,
    #[error("its path has {0}, which services read in different ways: send the path that is meant")]
    Path(&'static str),
    #[error("its Transfer-Encoding is not exactly one \"chunked\"")]
    TransferEncoding,
}

impl BadRequest {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl Target {
    /// Reads the head of a request (RFC 9112, section 3; RFC 9113, section 8.3.1).
    pub(crate) fn of(head: &Parts) -> Result<Self, BadRequest> {
        check_transfer_encoding(head)?;
        // TRACE would show a caller what the service is told of him (RFC 9110, section 9.3.8).
        if matches!(head.method, Method::CONNECT | Method::TRACE) {
            return Err(BadRequest::Method);
        }
        let authority = authority(head)?;
        check_path(head.uri.path())?;
        let host = bare(authority.host());
        let path = percent_decode_str(head.uri.path()).decode_utf8_lossy().into_owned();
        Ok(Self { authority, host, path })
    }
}

fn check_transfer_encoding(head: &Parts) -> Result<(), BadRequest> {
    let mut values = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(BadRequest::TransferEncoding),
    }
}

fn authority(head: &Parts) -> Result<Authority, BadRequest> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(BadRequest::HostTwice),
        (host, _) => host.map(parse).transpose()?,
    };
    match (host, head.uri.authority()) {
        (None, None) => Err(BadRequest::HostMissing),
        (Some(host), None) => Ok(host),
        (None, Some(authority)) => check(authority.clone()),
        (Some(host), Some(authority)) if host == *authority => Ok(host),
        (Some(_), Some(_)) => Err(BadRequest::AuthorityDiffers),
    }
}

fn parse(value: &HeaderValue) -> Result<Authority, BadRequest> {
    let authority = Authority::try_from(value.as_bytes()).map_err(|_| BadRequest::HostInvalid)?;
    check(authority)
}

/// A name of what the field allows in one, or an address; the port, if there is one, a port.
fn check(authority: Authority) -> Result<Authority, BadRequest> {
    let host = authority.host();
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = host.bytes().all(in_name) && !bare(host).is_empty();
    let rest = &authority.as_str()[host.len().min(authority.as_str().len())..];
    let has_only_a_port =
        authority.as_str().starts_with(host) && (rest.is_empty() || authority.port_u16().is_some());
    if (is_name || is_address) && has_only_a_port {
        Ok(authority)
    } else {
        Err(BadRequest::HostInvalid)
    }
}

/// A host as it is compared.
pub(crate) fn bare(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// What servers normalise, decode or cut in ways of their own is refused before a route is
/// chosen: it could lead past the prefix by which it was let in.
fn check_path(path: &str) -> Result<(), BadRequest> {
    let bad = |what| Err(BadRequest::Path(what));
    if !path.starts_with('/') {
        return bad("no slash at its start");
    }
    if path.contains("//") {
        return bad("an empty segment (//)");
    }
    if path.contains('\\') {
        return bad("a backslash");
    }
    let mut rest = path.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest[at + 1..].first_chunk().map(|two: &[u8; 2]| two.to_ascii_lowercase()).as_deref()
        {
            Some(b"2e") => return bad("an encoded dot (%2e)"),
            Some(b"2f") => return bad("an encoded slash (%2f)"),
            Some(b"5c") => return bad("an encoded backslash (%5c)"),
            Some(b"00") => return bad("an encoded NUL (%00)"),
            Some(two) if two.iter().all(u8::is_ascii_hexdigit) => {}
            _ => return bad("a percent sign that encodes nothing"),
        }
        rest = &rest[at + 3..];
    }
    // Java's servers drop what follows a semicolon before they resolve dots.
    let names = path.split('/').map(|segment| segment.split(';').next().unwrap_or(segment));
    for name in names {
        if matches!(name, "." | "..") {
            return bad("a dot segment");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::{BadRequest, Target};

    #[test]
    fn a_host_is_compared_without_case_port_and_trailing_dot() {
        for host in ["Server.Local", "server.local:8443", "server.local.", "SERVER.local.:1"] {
            let target = target("/", &[("host", host)]).unwrap();

            assert_eq!(target.host, "server.local", "{host}");
            assert_eq!(target.authority.as_str(), host);
        }
        assert_eq!(target("/", &[("host", "[::1]:80")]).unwrap().host, "::1");
    }

    #[test]
    fn a_host_that_is_missing_doubled_or_no_host_is_refused() {
        let missing = target("/", &[]);
        let twice = target("/", &[("host", "a"), ("host", "a")]);

        assert_eq!(missing, Err(BadRequest::HostMissing));
        assert_eq!(twice, Err(BadRequest::HostTwice));
        let bad = ["", "a b", "a@b", "a/b", "a,b", ".", "a:b", "a:99999", "[::g]", "[::1]x", "é"];
        for host in bad {
            assert_eq!(target("/", &[("host", host)]), Err(BadRequest::HostInvalid), "{host}");
        }
    }

    #[test]
    fn an_absolute_form_must_name_the_host() {
        let same = target("http://Server.local/x", &[("host", "server.local")]);
        let other = target("http://other/x", &[("host", "server.local")]);

        assert!(same.is_ok());
        assert_eq!(other, Err(BadRequest::AuthorityDiffers));
    }

    #[test]
    fn a_path_that_services_read_in_different_ways_is_refused() {
        let bad = [
            "/..",
            "/.",
            "/a/../b",
            "/a/./b",
            "/a/..;x=1/b",
            "/a/.;/b",
            "/a//b",
            "//a",
            "/a\\b",
            "/%2e%2e/b",
            "/a%2Fb",
            "/a%5cb",
            "/a%00",
            "/a%zz",
            "/a%",
            "/a%2",
        ];
        for path in bad {
            let refused = target(path, &[("host", "a")]);

            assert!(matches!(refused, Err(BadRequest::Path(_))), "{path}: {refused:?}");
        }
        for path in ["/", "/a/...", "/a/.b/c.d", "/a/b/", "/a%20b;c=d", "/%41", "/a?x=../%2f//"] {
            assert!(target(path, &[("host", "a")]).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_path_is_compared_as_the_service_behind_decodes_it() {
        let target = target("/%61dmin/%3Bx/%C3%A9?y=%61", &[("host", "a")]).unwrap();

        assert_eq!(target.path, "/admin/;x/é");
    }

    #[test]
    fn only_one_chunked_is_a_transfer_encoding() {
        let of = |values: &[&'static str]| {
            let mut headers = vec![("host", "a")];
            headers.extend(values.iter().map(|value| ("transfer-encoding", *value)));
            target("/", &headers)
        };

        assert!(of(&["chunked"]).is_ok());
        assert!(of(&["Chunked"]).is_ok());
        for bad in [&["identity, chunked"][..], &["gzip"], &["chunked", "chunked"], &["chunked,"]] {
            assert_eq!(of(bad), Err(BadRequest::TransferEncoding), "{bad:?}");
        }
    }

    #[test]
    fn a_tunnel_and_an_echo_are_refused() {
        for method in ["CONNECT", "TRACE"] {
            let request = Request::builder().method(method).uri("/").header("host", "a");
            let (head, ()) = request.body(()).unwrap().into_parts();

            assert_eq!(Target::of(&head), Err(BadRequest::Method), "{method}");
        }
    }

    fn target(uri: &str, headers: &[(&'static str, &str)]) -> Result<Target, BadRequest> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Target::of(&request.body(()).unwrap().into_parts().0)
    }
}
