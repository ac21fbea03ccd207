//! What a certificate's key may be used for (RFC 5280, sections 4.2.1.3 and 4.2.1.12).

use super::der::{Elements, OBJECT_IDENTIFIER};
use super::{Fields, Most, UnreadableCertificate};

/// The names of the bits that are set, in their order; none where the extension is absent.
pub(super) fn key_usage(certificate: &Fields<'_>) -> Vec<&'static str> {
    let flags = certificate.extensions.key_usage.as_ref().map_or(0, |usage| usage.flags);
    let names = KEY_USAGES.iter().enumerate();
    names.filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, name)| *name).collect()
}

/// The first purposes, up to so many, and why these are not all: by name, or as dotted object
/// identifiers. There is none where the extension is absent or empty.
pub(super) fn read_up_to(
    most: &Most,
    certificate: &Fields<'_>,
) -> (Vec<String>, Option<UnreadableCertificate>) {
    let mut purposes = Vec::new();
    let mut all = Elements::of(certificate.extensions.purposes.unwrap_or_default());
    while all.end().is_err() {
        if purposes.len() == most.purposes {
            let problem = "its extKeyUsage has more purposes than are read";
            return (purposes, Some(UnreadableCertificate::excessive(problem)));
        }
        let Ok(identifier) = all.expect(OBJECT_IDENTIFIER) else {
            let problem = "its extKeyUsage cannot be decoded";
            return (purposes, Some(UnreadableCertificate::new(problem)));
        };
        purposes.push(purpose(identifier.content));
    }
    (purposes, None)
}

fn purpose(identifier: &[u8]) -> String {
    let name = match identifier {
        [0x55, 0x1d, 37, 0] => "anyExtendedKeyUsage",
        // 1.3.6.1.5.5.7.3
        [0x2b, 6, 1, 5, 5, 7, 3, number] => match number {
            1 => "serverAuth",
            2 => "clientAuth",
            3 => "codeSigning",
            4 => "emailProtection",
            8 => "timeStamping",
            9 => "OCSPSigning",
            _ => return super::dotted(identifier),
        },
        _ => return super::dotted(identifier),
    };
    name.to_owned()
}

const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];
