//! Where a route leads: the URL of a service behind.

use std::fmt::{Display, Formatter};

use http::uri::Authority;

use super::host::host;
use super::{Upstream, UpstreamScheme};

impl Upstream {
    /// Checks a URL of a scheme, a host and perhaps a port.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("{text:?} {why}");
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad("is no URL: write one such as http://127.0.0.1:8000"));
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
        authority.map(|authority| Self { scheme, authority }).map_err(|_| bad("is no URL"))
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
    fn a_port_is_always_there() {
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
    fn what_is_more_or_less_than_scheme_host_and_port_is_refused() {
        for (text, problem) in [
            ("", "is no URL"),
            ("127.0.0.1:8000", "is no URL"),
            ("http:/a", "is no URL"),
            ("ftp://a", "unknown scheme"),
            ("HTTP://a", "unknown scheme"),
            ("://a", "unknown scheme"),
            ("http://", "is no host"),
            ("http://:80", "is no host"),
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
            ("http://*.a", "is no host"),
            ("http://::1", "is no host"),
            ("http://[::1", "is no host"),
            ("http://a b", "is no host"),
            ("http://a\r\nb", "is no host"),
        ] {
            let told = Upstream::new(text).unwrap_err();
            assert!(told.contains(problem), "{text:?}: {told}");
        }
    }
}
