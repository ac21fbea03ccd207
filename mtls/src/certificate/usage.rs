//! What a certificate's key may be used for (RFC 5280, sections 4.2.1.3 and 4.2.1.12).

use x509_parser::prelude::X509Certificate;

/// The names of the bits that are set, in their order; none where the extension is absent.
pub(super) fn key_usage(parsed: &X509Certificate<'_>) -> Vec<&'static str> {
    let Ok(Some(extension)) = parsed.key_usage() else {
        return Vec::new();
    };
    let names = KEY_USAGES.iter().enumerate();
    names.filter(|(bit, _)| extension.value.flags >> bit & 1 == 1).map(|(_, name)| *name).collect()
}

/// The purposes by name, and the unnamed ones as dotted OIDs; none where the extension is absent.
pub(super) fn extended_key_usage(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = parsed.extended_key_usage() else {
        return Vec::new();
    };
    let usage = extension.value;
    let named = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let named = named.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned());
    named.chain(usage.other.iter().map(|oid| oid.to_id_string())).collect()
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
