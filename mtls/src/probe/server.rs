//! The server to look at, by its URL.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use http::Uri;
use rustls::pki_types::ServerName;
use thiserror::Error;

/// The host and the port of an `https` URL; what follows them is not looked at.
#[derive(Clone, Debug)]
pub struct Server {
    name: ServerName<'static>,
    port: u16,
}

/// A text that names no server.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("\"{0}\" is no server: give https://HOST:PORT, such as https://localhost:3000")]
pub struct BadServer(String);

impl Server {
    pub(crate) fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> String {
        self.name.to_str().into_owned()
    }

    /// The port; 443 where the URL has none.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Server {
    type Err = BadServer;

    fn from_str(text: &str) -> Result<Self, BadServer> {
        let bad = || BadServer(text.to_owned());
        let url: Uri = text.parse().map_err(|_| bad())?;
        let authority = url.authority().filter(|_| url.scheme_str() == Some("https"));
        let authority = authority.ok_or_else(bad)?;
        // A port that is none, such as 99999, leaves the URL without one.
        let port = match authority.as_str().rsplit_once(']').unwrap_or(("", authority.as_str())) {
            _ if authority.as_str().contains('@') => return Err(bad()),
            (_, rest) if rest.contains(':') => authority.port_u16().ok_or_else(bad)?,
            _ => 443,
        };
        // RFC 3986, section 3.2.2: an IPv6 address stands in brackets.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| bad())?;
        Ok(Self { name, port })
    }
}

impl Display for Server {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            ServerName::IpAddress(rustls::pki_types::IpAddr::V6(_)) => {
                write!(formatter, "https://[{}]:{}", self.host(), self.port)
            }
            _ => write!(formatter, "https://{}:{}", self.host(), self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BadServer, Server};

    #[test]
    fn a_server_is_a_host_and_a_port() {
        for (text, shown) in [
            ("https://localhost:3000", "https://localhost:3000"),
            ("https://localhost", "https://localhost:443"),
            ("https://127.0.0.1:3000/api/data?x", "https://127.0.0.1:3000"),
            ("https://[::1]:3000/", "https://[::1]:3000"),
        ] {
            assert_eq!(text.parse::<Server>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for text in [
            "",
            "localhost:3000",
            "http://localhost:3000",
            "https://",
            "https://me@localhost",
            "https://localhost:99999",
            "https://a_b c",
        ] {
            assert_eq!(text.parse::<Server>().unwrap_err(), BadServer(text.to_owned()));
        }
    }
}
