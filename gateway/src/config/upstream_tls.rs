//! `[route.upstream_tls]`: how upstreams are met by TLS.

use std::net::IpAddr;

use mtls::pki::spiffe::SpiffeId;

use super::host::host;
use super::table::Table;
use super::{UpstreamScheme, UpstreamTls};

impl UpstreamTls {
    /// Reads the table under its key. It is there if and only if upstreams are met by TLS;
    /// `scheme` is nothing where that is not known.
    pub(super) fn of(
        table: &mut Table<'_>,
        scheme: Option<UpstreamScheme>,
    ) -> Option<Option<Self>> {
        match (table.get("upstream_tls"), scheme) {
            (Some(value), scheme) => {
                if matches!(scheme, Some(UpstreamScheme::H2c | UpstreamScheme::Http)) {
                    value.problem("no upstream is https: write https:// or leave the table out");
                }
                value.table().and_then(Self::read).map(Some)
            }
            (None, Some(UpstreamScheme::Https)) => {
                table.problem("https upstreams need [route.upstream_tls] with an identity: ours");
                None
            }
            (None, _) => Some(None),
        }
    }

    fn read(mut table: Table<'_>) -> Option<Self> {
        let identity = table.require("identity", "name the directory of our certificate");
        let identity = identity.and_then(|value| value.directory());
        let server_name = table.or("server_name", None, |value| value.text(server_name).map(Some));
        let id = table.or("spiffe_id", None, |value| value.text(spiffe_id).map(Some));
        table.finish();
        Some(Self { identity: identity?, server_name: server_name?, spiffe_id: id? })
    }
}

/// A name that a certificate bears; an address without brackets.
fn server_name(text: &str) -> Result<String, String> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) if text.starts_with('[') => {
            Err(format!("{text:?} is no name of a certificate: write an address without brackets"))
        }
        Err(_) => host(text),
    }
}

fn spiffe_id(text: &str) -> Result<SpiffeId, String> {
    text.parse().map_err(|bad| format!("{bad}: write the whole ID of the service behind"))
}
