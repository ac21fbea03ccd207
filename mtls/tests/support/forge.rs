//! Certificates and revocation lists that no authority makes: DER written by hand, and signed by
//! OpenSSL.

use std::fs;

use authority::{Authority, Leaf};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use time::OffsetDateTime;
use time::macros::format_description;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::openssl::openssl_bytes;

/// An `AlgorithmIdentifier` and the digest that OpenSSL signs with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Algorithm {
    digest: &'static str,
    identifier: &'static [u8],
}

impl Algorithm {
    pub(crate) const ECDSA_SHA1: Self =
        Self::new("-sha1", &[48, 9, 6, 7, 42, 134, 72, 206, 61, 4, 1]);
    pub(crate) const ECDSA_SHA256: Self = Self::ecdsa("-sha256", 2);
    pub(crate) const ECDSA_SHA384: Self = Self::ecdsa("-sha384", 3);
    pub(crate) const ECDSA_SHA512: Self = Self::ecdsa("-sha512", 4);
    pub(crate) const RSA_SHA1: Self =
        Self::new("-sha1", &[48, 13, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 5, 5, 0]);
    pub(crate) const RSA_SHA256: Self =
        Self::new("-sha256", &[48, 13, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 11, 5, 0]);

    const fn new(digest: &'static str, identifier: &'static [u8]) -> Self {
        Self { digest, identifier }
    }

    const fn ecdsa(digest: &'static str, number: u8) -> Self {
        Self::new(
            digest,
            match number {
                2 => &[48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 2],
                3 => &[48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 3],
                _ => &[48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 4],
            },
        )
    }
}

/// A way to encode the same name in other bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spelling {
    Bmp,
    DoubledSpaces,
    LowerCase,
    OuterSpaces,
    Printable,
    Teletex,
    UpperCase,
}

impl Spelling {
    pub(crate) const ALL: [Self; 7] = [
        Self::Bmp,
        Self::DoubledSpaces,
        Self::LowerCase,
        Self::OuterSpaces,
        Self::Printable,
        Self::Teletex,
        Self::UpperCase,
    ];

    /// A value of UTF-8 text, otherwise.
    fn value(self, text: &str) -> Vec<u8> {
        match self {
            Self::Bmp => {
                element(30, &text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>())
            }
            Self::DoubledSpaces => element(12, text.replace(' ', "  ").as_bytes()),
            Self::LowerCase => element(12, text.to_lowercase().as_bytes()),
            Self::OuterSpaces => element(12, format!(" {text} ").as_bytes()),
            Self::Printable => element(19, text.as_bytes()),
            Self::Teletex => element(20, text.as_bytes()),
            Self::UpperCase => element(12, text.to_uppercase().as_bytes()),
        }
    }

    /// The DER of a name, in this spelling.
    pub(crate) fn of(self, name: &[u8]) -> Vec<u8> {
        let (_, name) = X509Name::from_der(name).expect("it must be a name");
        let attributes = name.iter_attributes().map(|attribute| {
            let text = attribute.as_str().expect("it must be text");
            let kind = element(6, attribute.attr_type().as_bytes());
            element(0x31, &element(0x30, &[kind, self.value(text)].concat()))
        });
        element(0x30, &attributes.collect::<Vec<_>>().concat())
    }
}

/// A builder of a revocation list.
#[derive(Clone)]
pub(crate) struct ForgedList {
    algorithm: Algorithm,
    entries: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    issuer: Vec<u8>,
    next_update: Option<OffsetDateTime>,
    this_update: OffsetDateTime,
    version: Option<u8>,
}

impl ForgedList {
    /// A list of version 2 with number 1, not yet signed.
    pub(crate) fn of(issuer: &[u8]) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            algorithm: Algorithm::ECDSA_SHA256,
            entries: Vec::new(),
            extensions: vec![extension(20, false, &[2, 1, 1])],
            issuer: issuer.to_vec(),
            next_update: Some(now + time::Duration::DAY),
            this_update: now - time::Duration::HOUR,
            version: Some(1),
        }
    }

    /// A list of version 1, which has neither a number nor any other extension.
    pub(crate) fn of_version_1(issuer: &[u8]) -> Self {
        Self { extensions: Vec::new(), version: None, ..Self::of(issuer) }
    }

    pub(crate) fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    pub(crate) fn extension(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub(crate) fn number(self, number: u8) -> Self {
        Self { extensions: vec![extension(20, false, &[2, 1, number])], ..self }
    }

    pub(crate) fn this_update(self, this_update: OffsetDateTime) -> Self {
        Self { this_update, ..self }
    }

    pub(crate) fn next_update(self, next_update: Option<OffsetDateTime>) -> Self {
        Self { next_update, ..self }
    }

    /// Lists a leaf.
    pub(crate) fn revoke(self, leaf: &Leaf) -> Self {
        self.entry(leaf, &[])
    }

    /// Lists a leaf, with extensions of the entry.
    pub(crate) fn entry(mut self, leaf: &Leaf, extensions: &[Vec<u8>]) -> Self {
        let der = leaf.certificate().der();
        let serial = parsed(der).raw_serial().to_vec();
        let mut members = vec![element(2, &serial), moment(self.this_update)];
        if !extensions.is_empty() {
            members.push(element(0x30, &extensions.concat()));
        }
        self.entries.push(element(0x30, &members.concat()));
        self
    }

    pub(crate) fn sign(&self, key_pem: &str) -> CertificateRevocationListDer<'static> {
        let mut fields = Vec::new();
        fields.extend(self.version.map(|version| element(2, &[version])));
        fields.push(self.algorithm.identifier.to_vec());
        fields.push(self.issuer.clone());
        fields.push(moment(self.this_update));
        fields.extend(self.next_update.map(moment));
        if !self.entries.is_empty() {
            fields.push(element(0x30, &self.entries.concat()));
        }
        if !self.extensions.is_empty() {
            fields.push(element(0xa0, &element(0x30, &self.extensions.concat())));
        }
        signed(&fields.concat(), self.algorithm, key_pem).into()
    }
}

/// An extension `id-ce` of this number.
pub(crate) fn extension(number: u8, is_critical: bool, value: &[u8]) -> Vec<u8> {
    other_extension(&[0x55, 0x1d, number], is_critical, value)
}

pub(crate) fn other_extension(identifier: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { element(1, &[0xff]) } else { Vec::new() };
    element(0x30, &[element(6, identifier), critical, element(4, value)].concat())
}

/// A certificate with these bytes replaced, and signed again by `key_pem`.
pub(crate) fn reissued(
    certificate: &[u8],
    replaced: &[(&[u8], &[u8])],
    algorithm: Algorithm,
    key_pem: &str,
) -> CertificateDer<'static> {
    let certificate = parsed(certificate);
    let body = certificate.tbs_certificate.as_ref();
    let header = body.len() - content_length(body);
    let mut body = body[header..].to_vec();
    for (old, new) in replaced {
        let at = body.windows(old.len()).position(|window| window == *old);
        let at = at.expect("what is replaced must be there");
        body.splice(at..at + old.len(), new.iter().copied());
    }
    // The algorithm follows version and serial number.
    let old = [48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 2];
    let at = body.windows(old.len()).position(|window| window == old).expect("it must be ECDSA");
    body.splice(at..at + old.len(), algorithm.identifier.iter().copied());
    signed(&body, algorithm, key_pem).into()
}

/// The DER of an authority's name.
pub(crate) fn name_of(authority: &Authority) -> Vec<u8> {
    parsed(authority.certificate().der()).subject().as_raw().to_vec()
}

pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it must be short").to_be_bytes();
    let header = match content.len() {
        0..=0x7f => vec![tag, length[1]],
        0x80..=0xff => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [header, content.to_vec()].concat()
}

fn signed(body: &[u8], algorithm: Algorithm, key_pem: &str) -> Vec<u8> {
    let body = element(0x30, body);
    let key = tempfile::NamedTempFile::new().expect("a file must be made");
    fs::write(key.path(), key_pem).expect("it must be written");
    let path = key.path().to_str().expect("it must be text");
    let signature = openssl_bytes(&["dgst", algorithm.digest, "-sign", path], &body);
    let signature = element(3, &[&[0], signature.as_slice()].concat());
    element(0x30, &[body, algorithm.identifier.to_vec(), signature].concat())
}

fn moment(at: OffsetDateTime) -> Vec<u8> {
    let format = format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    element(0x17, at.format(&format).expect("it must have a form").as_bytes())
}

fn content_length(der: &[u8]) -> usize {
    let (_, any) = x509_parser::asn1_rs::Any::from_der(der).expect("it must be DER");
    any.data.len()
}

fn parsed(certificate: &[u8]) -> X509Certificate<'_> {
    X509Certificate::from_der(certificate).expect("it must be a certificate").1
}
