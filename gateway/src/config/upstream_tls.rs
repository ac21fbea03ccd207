//! `[route.upstream_tls]`: TLS settings for upstreams.

use std::net::IpAddr;

use mtls::pki::spiffe::SpiffeId;

use super::host::host;
use super::table::Table;
use super::{UpstreamScheme, UpstreamTls};

impl UpstreamTls {
    /// Reads the table under its key. It is required for `https` upstreams, and rejected for
    /// others; `scheme` is none if it is unknown.
    pub(super) fn of(
        table: &mut Table<'_>,
        scheme: Option<UpstreamScheme>,
    ) -> Option<Option<Self>> {
        match (table.get("upstream_tls"), scheme) {
            (Some(value), scheme) => {
                if matches!(scheme, Some(UpstreamScheme::H2c | UpstreamScheme::Http)) {
                    value.problem("no upstream is https: write https:// or leave the table out");
                }
                Table::of(&value).and_then(Self::read).map(Some)
            }
            (None, Some(UpstreamScheme::Https)) => {
                table.problem(
                    "https upstreams need [route.upstream_tls] with an identity of the gateway",
                );
                None
            }
            (None, _) => Some(None),
        }
    }

    fn read(mut table: Table<'_>) -> Option<Self> {
        let identity = table.require("identity", "name the directory of the gateway's certificate");
        let identity = identity.and_then(|value| value.directory());
        let server_name = table.or("server_name", None, |value| value.text(server_name).map(Some));
        let id = table.or("spiffe_id", None, |value| value.text(spiffe_id).map(Some));
        table.finish();
        Some(Self { identity: identity?, server_name: server_name?, spiffe_id: id? })
    }
}

/// Checks a name in a certificate; an address is without brackets.
fn server_name(text: &str) -> Result<String, String> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) if text.starts_with('[') => Err(format!(
            "{text:?} is not a name in a certificate: write an address without brackets"
        )),
        Err(_) => host(text),
    }
}

fn spiffe_id(text: &str) -> Result<SpiffeId, String> {
    text.parse().map_err(|bad| format!("{bad}: write the whole ID of the upstream"))
}
