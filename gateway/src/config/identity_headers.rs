//! `[route.identity_headers]`: which headers forward the caller's identity.

use super::IdentityHeaders;
use super::table::Table;
use super::value::Value;

impl IdentityHeaders {
    /// Reads the table; none if a key is invalid.
    pub(super) fn read(mut table: Table<'_>) -> Option<Self> {
        let default = Self::default();
        let mut header = |key, default| table.or(key, default, Value::boolean);
        let client_cert = header("client_cert", default.client_cert);
        let client_cert_chain = header("client_cert_chain", default.client_cert_chain);
        let forwarded = header("forwarded", default.forwarded);
        let x_forwarded = header("x_forwarded", default.x_forwarded);
        let envoy = header("x_forwarded_client_cert", default.x_forwarded_client_cert);
        let pem = header("x_forwarded_client_cert_pem", default.x_forwarded_client_cert_pem);
        if (envoy, pem) == (Some(false), Some(true)) {
            table.problem(
                "x_forwarded_client_cert_pem is an element of x_forwarded_client_cert, which is \
                 off: switch both on or both off",
            );
        }
        table.finish();
        Some(Self {
            client_cert: client_cert?,
            client_cert_chain: client_cert_chain?,
            forwarded: forwarded?,
            x_forwarded: x_forwarded?,
            x_forwarded_client_cert: envoy?,
            x_forwarded_client_cert_pem: pem?,
        })
    }
}
