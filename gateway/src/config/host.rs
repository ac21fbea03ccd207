//! Hosts in a route and in a URL: lower case, without a port, IPv6 in brackets.

use std::fmt::{Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::HostPattern;

impl HostPattern {
    /// Checks the `host` of a route: a name, an address, or a wildcard for the whole first label.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        match text.strip_prefix("*.") {
            _ if text == "*" => {
                Err("\"*\" is not a host: leave it out to match any host".to_owned())
            }
            Some(parent) if !is_name(parent) => Err(format!(
                "{text:?} is not a host: write a name after the wildcard, as in *.example.com"
            )),
            Some(parent) => Ok(Self::Wildcard(parent.to_ascii_lowercase())),
            None if text.contains('*') => {
                let rule = "a wildcard stands for the whole first label: write *.example.com";
                Err(format!("{text:?} is not a host: {rule}"))
            }
            None => host(text).map(Self::Exact),
        }
    }
}

impl Display for HostPattern {
    /// As in the file; `*` for any.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::Exact(host) => formatter.write_str(host),
            Self::Wildcard(parent) => write!(formatter, "*.{parent}"),
        }
    }
}

/// Parses a host without a port, in the form in which hosts are compared.
pub(super) fn host(text: &str) -> Result<String, String> {
    if let Some(address) = text.strip_prefix('[') {
        return match address.split_once(']') {
            Some((address, "")) => address
                .parse::<Ipv6Addr>()
                .map(|address| format!("[{address}]"))
                .map_err(|_| no_host(text)),
            Some((_, port)) if port.starts_with(':') => Err(with_port(text)),
            _ => Err(no_host(text)),
        };
    }
    match text.split_once(':') {
        Some(_) if text.parse::<Ipv6Addr>().is_ok() => {
            Err(format!("{text:?} is not a host: write the address in brackets, [{text}]"))
        }
        Some((name, port)) if is_name(name) && port.bytes().all(|b| b.is_ascii_digit()) => {
            Err(with_port(text))
        }
        _ if text.strip_suffix('.').is_some_and(is_name) => {
            Err(format!("{text:?} ends with a dot: leave the dot out"))
        }
        _ if is_name(text) => Ok(text.to_ascii_lowercase()),
        _ => Err(no_host(text)),
    }
}

/// Whether the text is a host name or an IPv4 address. Underscores are not valid in host names, but
/// Compose services use them.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name whose last label is a number is an address to some programs, and a name to others.
    let last = text.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
    let unambiguous = !numeric || text.parse::<Ipv4Addr>().is_ok();
    text.len() <= 253 && text.split('.').all(is_label) && unambiguous
}

fn with_port(text: &str) -> String {
    format!("{text:?} has a port: leave it out")
}

fn no_host(text: &str) -> String {
    format!("{text:?} is not a host: write one such as api.example.com, 127.0.0.1 or [::1]")
}

#[cfg(test)]
mod tests {
    use super::super::HostPattern;

    #[test]
    fn names_are_compared_in_lower_case_and_addresses_in_one_form() {
        for (text, host) in [
            ("Server.LOCAL", HostPattern::Exact("server.local".to_owned())),
            ("*.Local", HostPattern::Wildcard("local".to_owned())),
            ("127.0.0.1", HostPattern::Exact("127.0.0.1".to_owned())),
            ("[0:0::0:1]", HostPattern::Exact("[::1]".to_owned())),
            ("web_1", HostPattern::Exact("web_1".to_owned())),
        ] {
            assert_eq!(HostPattern::new(text), Ok(host), "{text}");
        }
    }

    #[test]
    fn an_invalid_host_is_refused() {
        for (text, problem) in [
            ("", "is not a host"),
            ("*", "leave it out to match any host"),
            ("*.", "is not a host"),
            ("*.*.local", "is not a host"),
            ("a.*.local", "the whole first label"),
            ("a*.local", "the whole first label"),
            ("*local", "the whole first label"),
            ("*.[::1]", "is not a host"),
            ("*.local:80", "is not a host"),
            ("server.local:8443", "has a port"),
            ("server.local:", "has a port"),
            ("[::1]:8443", "has a port"),
            ("[::1", "is not a host"),
            ("[::1]x", "is not a host"),
            ("[::1%eth0]", "is not a host"),
            ("::1", "in brackets, [::1]"),
            ("server.local.", "leave the dot out"),
            ("server..local", "is not a host"),
            ("-a.local", "is not a host"),
            ("a b", "is not a host"),
            ("a/b", "is not a host"),
            ("user@a", "is not a host"),
            ("bücher.example", "is not a host"),
            ("127.1", "is not a host"),
            ("1.2.3.4.5", "is not a host"),
            ("a\0b", "is not a host"),
        ] {
            let error = HostPattern::new(text).unwrap_err();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }
}
