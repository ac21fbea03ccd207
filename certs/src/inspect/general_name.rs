//! Formats the names of all kinds in a certificate (RFC 5280, section 4.2.1.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mtls::pki::certificate::DistinguishedName;
use x509_parser::extensions::GeneralName;

use super::sheet::hexadecimal;

/// A name with its kind before it: `DNS localhost`, `IP 10.0.0.0/255.0.0.0`.
pub(super) fn words(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS {name}"),
        GeneralName::DirectoryName(name) => {
            let read = DistinguishedName::read(name.as_raw());
            read.map_or_else(|_| format!("name {name}"), |name| format!("name {name}"))
        }
        GeneralName::EDIPartyName(any) => format!("EDI party {}", hexadecimal(any.data)),
        GeneralName::IPAddress(octets) => format!("IP {}", addresses(octets)),
        GeneralName::Invalid(tag, bytes) => {
            format!("invalid name of kind {}: {}", tag.0, hexadecimal(bytes))
        }
        GeneralName::OtherName(oid, value) => {
            format!("other name {}: {}", oid.to_id_string(), hexadecimal(value))
        }
        GeneralName::RFC822Name(mail) => format!("mail {mail}"),
        GeneralName::RegisteredID(oid) => format!("registered ID {}", oid.to_id_string()),
        GeneralName::URI(uri) => format!("URI {uri}"),
        GeneralName::X400Address(any) => format!("X.400 {}", hexadecimal(any.data)),
    }
}

/// Joins names with commas.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a GeneralName<'a>>) -> String {
    names.into_iter().map(words).collect::<Vec<_>>().join(", ")
}

/// An address, or a network and its mask as name constraints have it (section 4.2.1.10).
fn addresses(octets: &[u8]) -> String {
    let address = |octets: &[u8]| {
        let v4 = || <[u8; 4]>::try_from(octets).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
        let v6 = || <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
        v4().or_else(|_| v6()).map_or_else(|_| hexadecimal(octets), |address| address.to_string())
    };
    match octets.len() {
        8 | 32 => {
            let (network, mask) = octets.split_at(octets.len() / 2);
            format!("{}/{}", address(network), address(mask))
        }
        _ => address(octets),
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::extensions::GeneralName;

    use super::words;

    #[test]
    fn an_address_is_shown_as_one_and_a_network_with_its_mask() {
        for (octets, shown) in [
            ([10, 0, 0, 7].as_slice(), "IP 10.0.0.7"),
            (&[10, 0, 0, 0, 255, 0, 0, 0], "IP 10.0.0.0/255.0.0.0"),
            (&[0; 16], "IP ::"),
            (&[1, 2, 3], "IP 010203"),
        ] {
            assert_eq!(words(&GeneralName::IPAddress(octets)), shown);
        }
    }
}
