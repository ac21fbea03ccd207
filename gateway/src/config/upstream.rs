//! The URL of an upstream.

use std::fmt::{Display, Formatter};

use http::uri::Authority;

use super::host::host;
use super::{Upstream, UpstreamScheme};

impl Upstream {
    /// Checks a URL of a scheme, a host and an optional port.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("{text:?} {why}");
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad("is not a URL: write one such as http://127.0.0.1:8000"));
        };
        let scheme = match scheme {
            "h2c" => UpstreamScheme::H2c,
            "http" => UpstreamScheme::Http,
            "https" => UpstreamScheme::Https,
            _ => return Err(bad("has an unknown scheme: write http, https or h2c")),
        };
        if rest.contains('@') {
            return Err(bad("has a user: leave it out"));
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(bad("has a path or a query: leave it out, that of the request is kept"));
        }
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (
                name,
                port_of(port)
                    .ok_or_else(|| bad("has no port after its colon: write 1 to 65535"))?,
            ),
            _ => (rest, scheme.default_port()),
        };
        let name = host(name)?;
        let authority: Result<Authority, _> = format!("{name}:{port}").parse();
        authority.map(|authority| Self { scheme, authority }).map_err(|_| bad("is not a URL"))
    }
}

impl Display for Upstream {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority)
    }
}

impl UpstreamScheme {
    fn default_port(self) -> u16 {
        match self {
            Self::H2c | Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Display for UpstreamScheme {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::H2c => "h2c",
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

fn port_of(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::super::Upstream;

    #[test]
    fn a_port_is_always_present() {
        for (text, whole) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://Web", "http://web:80"),
            ("https://api.local", "https://api.local:443"),
            ("h2c://[0::1]", "h2c://[::1]:80"),
            ("h2c://[::1]:50051", "h2c://[::1]:50051"),
        ] {
            assert_eq!(Upstream::new(text).unwrap().to_string(), whole);
        }
    }

    #[test]
    fn an_upstream_must_be_scheme_host_and_port_only() {
        for (text, problem) in [
            ("", "is not a URL"),
            ("127.0.0.1:8000", "is not a URL"),
            ("http:/a", "is not a URL"),
            ("ftp://a", "unknown scheme"),
            ("HTTP://a", "unknown scheme"),
            ("://a", "unknown scheme"),
            ("http://", "is not a host"),
            ("http://:80", "is not a host"),
            ("http://a/", "has a path"),
            ("http://a/b", "has a path"),
            ("http://a?b", "has a path or a query"),
            ("http://a#b", "has a path or a query"),
            ("http://a\\b", "has a path"),
            ("http://u:p@a", "has a user"),
            ("http://u@a/b", "has a user"),
            ("http://a:0", "has no port"),
            ("http://a:", "has no port"),
            ("http://a:65536", "has no port"),
            ("http://a:+80", "has no port"),
            ("http://a:http", "has no port"),
            ("http://*.a", "is not a host"),
            ("http://::1", "is not a host"),
            ("http://[::1", "is not a host"),
            ("http://a b", "is not a host"),
            ("http://a\r\nb", "is not a host"),
        ] {
            let error = Upstream::new(text).unwrap_err();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }
}
