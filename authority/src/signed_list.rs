//! Reads the revocation lists in a PEM file, as far as needed to distinguish them.

use x509_parser::{extensions::ParsedExtension, parse_x509_crl, pem::Pem};

/// One list of a `ca.crl`.
#[derive(Clone, Debug)]
pub(crate) struct SignedList {
    /// The key identifier of its issuer in hex; empty if the list has none.
    pub(crate) key_identifier: String,
    pub(crate) number: Option<u64>,
    pub(crate) pem: String,
}

impl SignedList {
    /// Reads all lists of a PEM file, in order; unreadable blocks are skipped.
    pub(crate) fn read_all(text: &str) -> Vec<Self> {
        let starts = text.match_indices(BEGIN).map(|(start, _)| &text[start..]);
        starts
            .filter_map(|rest| {
                let end = rest.find(END)? + END.len();
                Self::read(format!("{}\n", &rest[..end]))
            })
            .collect()
    }

    fn read(pem: String) -> Option<Self> {
        let block = Pem::iter_from_buffer(pem.as_bytes()).next()?.ok()?;
        let (_, list) = parse_x509_crl(&block.contents).ok()?;
        let identifier =
            list.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(issuer) => issuer.key_identifier.as_ref(),
                _ => None,
            });
        let bytes = identifier.map_or(&[][..], |identifier| identifier.0).iter();
        Some(Self {
            key_identifier: bytes.map(|byte| format!("{byte:02x}")).collect(),
            number: list.crl_number().and_then(|number| number.try_into().ok()),
            pem,
        })
    }
}

const BEGIN: &str = "-----BEGIN X509 CRL-----";
const END: &str = "-----END X509 CRL-----";
