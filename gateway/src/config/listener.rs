//! `[[listener]]`: one listener, and how its connections are secured.

use std::net::SocketAddr;

use super::table::Table;
use super::{ClientCertificates, ListenerSettings, Security};

/// A listener as read; for a missing value, a problem has been reported.
pub(super) struct Listener {
    pub(super) listen: Option<SocketAddr>,
    /// The position of its address.
    pub(super) listen_at: usize,
    pub(super) name: Option<String>,
    /// The position of its name.
    pub(super) name_at: usize,
    pub(super) security: Option<Security>,
}

impl Listener {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let name = table.require("name", "routes and logs refer to the listener by it");
        let name_at = name.as_ref().map_or(table.offset(), |value| value.offset());
        let name = name.and_then(|value| value.text(listener_name));
        let listen = table.require("listen", "write an address such as \"127.0.0.1:8443\"");
        let listen_at = listen.as_ref().map_or(table.offset(), |value| value.offset());
        let listen = listen.and_then(|value| value.text(address));
        let security = security(&mut table);
        table.finish();
        Self { listen, listen_at, name, name_at, security }
    }

    /// The listener, if it has no problem.
    pub(super) fn checked(self) -> Option<ListenerSettings> {
        Some(ListenerSettings { name: self.name?, listen: self.listen?, security: self.security? })
    }
}

fn security(table: &mut Table<'_>) -> Option<Security> {
    let identity = table.get("identity");
    let certificates = table.get("client_certificates");
    let plain = table.get("plain");
    let redirect = table.get("redirect_to_https");

    let asks = certificates.as_ref().map(|value| value.text(client_certificates));
    let directory = identity.as_ref().map(|value| value.directory());
    let port = redirect.as_ref().map(|value| value.number::<u16>(1..=u16::MAX.into()));
    let is_plain = plain.as_ref().map(|value| value.boolean());
    if let (Some(value), None) = (&certificates, &identity) {
        value.problem("only HTTPS asks for certificates: add an identity, or leave this out");
    }
    // `plain = false` is the default of every listener.
    match (directory, is_plain.filter(|plain| *plain != Some(false)), port) {
        (Some(identity), None, None) => {
            let client_certificates = asks.unwrap_or(Some(ClientCertificates::default()))?;
            Some(Security::Tls { client_certificates, identity: identity? })
        }
        (None, Some(plain), None) => plain.map(|_| Security::Plain),
        (None, None, Some(port)) => port.map(Security::Redirect),
        (None, None, None) => {
            table.problem(format!("it has no security setting: add {ONE_OF_THREE}"));
            None
        }
        _ => {
            table.problem(format!("it is secured by more than one key: keep only {ONE_OF_THREE}"));
            None
        }
    }
}

/// Parses an address to listen on. Port 0 selects a free port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not an address to listen on: write 127.0.0.1:8443 or [::]:8443")
    })
}

/// Checks a name that needs no quotes in logs and metrics.
fn listener_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not a valid name: write 1 to 64 letters, digits, '.', '_' and '-'"
        ))
    }
}

fn client_certificates(text: &str) -> Result<ClientCertificates, String> {
    match text {
        "off" => Ok(ClientCertificates::Off),
        "optional" => Ok(ClientCertificates::Optional),
        "required" => Ok(ClientCertificates::Required),
        _ => Err(format!("{text:?} is not known: write required, optional or off")),
    }
}

const ONE_OF_THREE: &str = "identity = \"…\" (HTTPS), plain = true, or redirect_to_https = 443";
