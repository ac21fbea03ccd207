//! Conditions of a policy, and certificates that they are matched against.

use mtls::pki::certificate::Certificate;
use mtls::policy::{Attribute, Condition};

use crate::seeds::certificates;

const ATTRIBUTES: [Attribute; 8] = [
    Attribute::CommonName,
    Attribute::Dns,
    Attribute::Email,
    Attribute::Fingerprint,
    Attribute::Ip,
    Attribute::Issuer,
    Attribute::Organization,
    Attribute::OrganizationalUnit,
];

pub fn body(data: &[u8]) {
    let value = String::from_utf8_lossy(data);
    for der in certificates() {
        let certificate = Certificate::read(&der.into()).expect("it must be a certificate");
        let names = &certificate.subject_alt_names;
        for attribute in ATTRIBUTES {
            let Ok(condition) = Condition::new(attribute, &value) else { continue };
            let holds = condition.holds_for(&certificate);
            let has = match attribute {
                Attribute::CommonName => certificate.subject.values("CN").any(|cn| cn == value),
                Attribute::Email => {
                    names.email.iter().any(|mail| mail.eq_ignore_ascii_case(&value))
                }
                Attribute::Ip => value.parse().is_ok_and(|ip| names.ip.contains(&ip)),
                Attribute::Organization => certificate.subject.values("O").any(|o| o == value),
                Attribute::OrganizationalUnit => {
                    certificate.subject.values("OU").any(|unit| unit == value)
                }
                _ => continue,
            };
            assert!(has || !holds, "{attribute:?} {value:?} holds for {certificate:?}");
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "client-service",
        "n1.example",
        "*.example",
        "a@b.example",
        "192.0.2.1",
        "o",
        "u",
        "CN=x,O=y",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
