//! A certificate that no library would make: parsed, changed, and signed again.

use authority::Authority;
use rcgen::{KeyPair, SigningKey};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

pub(crate) use super::forge::element;
use super::{TestPki, chain};

/// The parts of a certificate, each of them as DER.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) serial: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
}

pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];

impl Draft {
    /// The good client of `pki`.
    pub(crate) fn client(pki: &TestPki) -> Self {
        Self::of(&chain(&pki.client())[0])
    }

    pub(crate) fn of(der: &[u8]) -> Self {
        let (_, parsed) = X509Certificate::from_der(der).expect("a certificate must be one");
        let validity = parsed.validity();
        let time = |time: x509_parser::time::ASN1Time| utc_time(&date(time.to_datetime()));
        let one = |one: &x509_parser::extensions::X509Extension<'_>| {
            extension(one.oid.as_bytes(), one.critical, one.value)
        };
        Self {
            serial: element(2, parsed.raw_serial()),
            issuer: parsed.issuer().as_raw().to_vec(),
            validity: sequence(&[time(validity.not_before), time(validity.not_after)]),
            subject: parsed.subject().as_raw().to_vec(),
            public_key: parsed.public_key().raw.to_vec(),
            extensions: parsed.extensions().iter().map(one).collect(),
        }
    }

    /// Adds an extension.
    pub(crate) fn with(mut self, identifier: &[u8], value: &[u8]) -> Self {
        self.extensions.push(extension(identifier, false, value));
        self
    }

    /// Removes an extension.
    pub(crate) fn without(mut self, identifier: &[u8]) -> Self {
        let identifier = element(6, identifier);
        let has = |one: &Vec<u8>| one.windows(identifier.len()).any(|part| part == identifier);
        self.extensions.retain(|one| !has(one));
        self
    }

    /// Replaces an extension.
    pub(crate) fn replacing(self, identifier: &[u8], value: &[u8]) -> Self {
        self.without(identifier).with(identifier, value)
    }

    /// The certificate, signed by the key of `authority`, which is of P-256.
    pub(crate) fn signed_by(&self, authority: &Authority) -> CertificateDer<'static> {
        let key = KeyPair::from_pem(&authority.key_pem()).expect("its key must be one");
        self.signed(|message| key.sign(message).expect("it must sign"))
    }

    /// The certificate with an invalid signature.
    pub(crate) fn forged(&self) -> CertificateDer<'static> {
        // Two integers of 32 octets with the form of a signature.
        let integer = element(2, &[0x41; 32]);
        self.signed(|_| sequence(&[integer.clone(), integer.clone()]))
    }

    /// The certificate with this signature, of an algorithm by its `AlgorithmIdentifier`.
    pub(crate) fn forged_by(&self, algorithm: &[u8], signature: &[u8]) -> CertificateDer<'static> {
        self.signed_as(algorithm.to_vec(), |_| signature.to_vec())
    }

    fn signed(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> CertificateDer<'static> {
        // 1.2.840.10045.4.3.2, ecdsa-with-SHA256
        let identifier = element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
        self.signed_as(sequence(&[identifier]), sign)
    }

    /// The certificate with the signature that `sign` makes over its body, of an algorithm by its
    /// `AlgorithmIdentifier`.
    pub(crate) fn signed_as(
        &self,
        algorithm: Vec<u8>,
        sign: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> CertificateDer<'static> {
        let signed = sequence(&[
            element(0xa0, &element(2, &[2])),
            self.serial.clone(),
            algorithm.clone(),
            self.issuer.clone(),
            self.validity.clone(),
            self.subject.clone(),
            self.public_key.clone(),
            element(0xa3, &sequence(&self.extensions)),
        ]);
        let signature = [&[0][..], &sign(&signed)].concat();
        sequence(&[signed, algorithm, element(3, &signature)]).into()
    }
}

pub(crate) fn sequence(members: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &members.concat())
}

/// A subjectAltName of these general names, each of a tag and its content.
pub(crate) fn general_names(names: &[(u8, &[u8])]) -> Vec<u8> {
    sequence(&names.iter().map(|(tag, content)| element(*tag, content)).collect::<Vec<_>>())
}

/// A name with one RDN for each attribute: the last arc of 2.5.4, the tag of the value, the value.
pub(crate) fn name(attributes: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let part = |(arc, tag, value): &(u8, u8, &[u8])| {
        let attribute = sequence(&[element(6, &[0x55, 4, *arc]), element(*tag, value)]);
        element(0x31, &attribute)
    };
    sequence(&attributes.iter().map(part).collect::<Vec<_>>())
}

/// The name of an authority.
pub(crate) fn subject_of(authority: &Authority) -> Vec<u8> {
    Draft::of(authority.certificate().der()).subject
}

/// `YYMMDDhhmmssZ`
pub(crate) fn utc_time(text: &str) -> Vec<u8> {
    element(23, text.as_bytes())
}

fn extension(identifier: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { element(1, &[0xff]) } else { Vec::new() };
    sequence(&[element(6, identifier), critical, element(4, value)])
}

fn date(moment: time::OffsetDateTime) -> String {
    let (date, time) = (moment.date(), moment.time());
    format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}Z",
        date.year() % 100,
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
