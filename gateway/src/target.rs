//! What a request is for: its host and its path. Ambiguous requests, which the upstream might read
//! differently, are rejected (request smuggling, path confusion).

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, StatusCode};
use mtls::policy::{InvalidPath, RequestPath};
use thiserror::Error;

/// The host and the path of a request, in the form in which routes are compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    /// As the caller wrote it, with its port.
    pub(crate) authority: Authority,
    /// Lower case, without port, trailing dot and brackets.
    pub(crate) host: String,
    /// With every interpretation that a service may give it.
    pub(crate) path: RequestPath,
}

/// A request that the upstream could interpret differently than the gateway does.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum BadRequest {
    #[error("the authority of its target is not the one in its Host field: send one of them")]
    AuthorityDiffers,
    #[error("its Host is not a host name: send a name or an address, and a port if need be")]
    HostInvalid,
    #[error("it has no Host: send the name of the service")]
    HostMissing,
    #[error("it has more than one Host: send one")]
    HostTwice,
    #[error("CONNECT, TRACE and TRACK are not supported: use another method")]
    Method,
    #[error("its path has {0}, which services interpret differently: send the intended path")]
    Path(#[from] InvalidPath),
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
        if REFUSED_METHODS.iter().any(|it| it.eq_ignore_ascii_case(head.method.as_str())) {
            return Err(BadRequest::Method);
        }
        let authority = authority(head)?;
        let host = bare(authority.host());
        let path = RequestPath::parse(head.uri.path())?;
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

/// Accepts a host name or an IP address, with an optional valid port.
fn check(authority: Authority) -> Result<Authority, BadRequest> {
    let host = authority.host();
    let name_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = host.bytes().all(name_byte) && !bare(host).is_empty();
    let rest = &authority.as_str()[host.len().min(authority.as_str().len())..];
    let has_only_a_port =
        authority.as_str().starts_with(host) && (rest.is_empty() || authority.port_u16().is_some());
    if (is_name || is_address) && has_only_a_port {
        Ok(authority)
    } else {
        Err(BadRequest::HostInvalid)
    }
}

/// A host in the form in which hosts are compared.
pub(crate) fn bare(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// `CONNECT` asks for a tunnel. `TRACE`, and `TRACK` of IIS, would show a caller the identity
/// headers that the service receives (RFC 9110, section 9.3.8). Methods are case-sensitive (section
/// 9.1), but some services ignore case, so the case is ignored here too.
const REFUSED_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

#[cfg(test)]
mod tests {
    use http::Request;
    use mtls::policy::InvalidPath;

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
    fn a_missing_repeated_or_invalid_host_is_refused() {
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
    fn an_absolute_form_must_match_the_host() {
        let same = target("http://Server.local/x", &[("host", "server.local")]);
        let other = target("http://other/x", &[("host", "server.local")]);

        assert!(same.is_ok());
        assert_eq!(other, Err(BadRequest::AuthorityDiffers));
    }

    #[test]
    fn only_the_path_is_checked_not_the_query() {
        assert!(target("/a/b;c=d?x=../%2f//", &[("host", "a")]).is_ok());

        let refused = target("/a/../b", &[("host", "a")]);

        assert_eq!(refused, Err(BadRequest::Path(InvalidPath::DotSegment)));
    }

    #[test]
    fn only_a_single_chunked_is_accepted() {
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
    fn connect_trace_and_track_are_refused_in_any_case() {
        let of = |method: &str| {
            let request = Request::builder().method(method).uri("/").header("host", "a");
            Target::of(&request.body(()).unwrap().into_parts().0).map(drop)
        };

        for method in ["CONNECT", "TRACE", "TRACK", "connect", "trace", "Track", "tRaCe"] {
            assert_eq!(of(method), Err(BadRequest::Method), "{method}");
        }
        for method in ["GET", "get", "TRACER", "PATCH", "PROPFIND"] {
            assert_eq!(of(method), Ok(()), "{method}");
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
