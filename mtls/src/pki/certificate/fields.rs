//! The fields of one certificate, found in its DER (RFC 5280, section 4.1). What a verdict needs
//! at once is decoded, and the rest is left until the certificate is verified: names and
//! alternative names of a stranger would cost more than a signature.

use time::OffsetDateTime;
use x509_parser::prelude::{ASN1Time, FromDer};

use super::der::{BadDer, Element, Elements, INTEGER, SEQUENCE, constructed, primitive};
use super::extensions::Extensions;
use super::signed::Signed;
use super::{PublicKey, UnreadableCertificate};

/// A certificate whose fields are known.
pub(crate) struct Fields<'a> {
    pub(crate) der: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
    /// The whole DER of the issuer's name.
    pub(crate) issuer: &'a [u8],
    pub(crate) not_after: OffsetDateTime,
    pub(crate) not_before: OffsetDateTime,
    /// The whole DER of the `SubjectPublicKeyInfo`.
    pub(crate) public_key: &'a [u8],
    /// The octets of the serial number.
    pub(crate) serial: &'a [u8],
    /// Its signature, over the `TBSCertificate`.
    pub(crate) signed: Signed<'a>,
    /// The whole DER of the subject's name.
    pub(crate) subject: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Finds the fields of one certificate; bytes after it are an error.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, UnreadableCertificate> {
        let bad = |_| UnreadableCertificate::new("its fields cannot be decoded");
        let signed = Signed::of(outer(der)?).map_err(bad)?;

        let mut fields = Elements::of(signed.body.content);
        let _version = fields.optional(constructed(0)).map_err(bad)?;
        let serial = fields.expect(INTEGER).map_err(bad)?.content;
        let _signature_algorithm = fields.expect(SEQUENCE).map_err(bad)?;
        let issuer = fields.expect(SEQUENCE).map_err(bad)?.whole;
        let validity = fields.expect(SEQUENCE).and_then(validity);
        let (not_before, not_after) =
            validity.map_err(|_| UnreadableCertificate::new("its dates cannot be decoded"))?;
        let subject = fields.expect(SEQUENCE).map_err(bad)?.whole;
        let public_key = fields.expect(SEQUENCE).map_err(bad)?.whole;
        for unique_identifier in [primitive(1), primitive(2)] {
            fields.optional(unique_identifier).map_err(bad)?;
        }
        let extensions = match fields.optional(constructed(3)).map_err(bad)? {
            Some(tagged) => {
                Extensions::read(Elements::in_one(SEQUENCE, tagged.content).map_err(bad)?)?
            }
            None => Extensions::default(),
        };
        fields.end().map_err(bad)?;
        Ok(Self {
            der,
            extensions,
            issuer,
            not_after,
            not_before,
            public_key,
            serial,
            signed,
            subject,
        })
    }

    /// Whether subject and issuer are the same, byte for byte.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether it names its own key as its issuer's (RFC 5280, section 4.2.1.1).
    pub(crate) fn names_itself(&self) -> bool {
        let named = self.extensions.authority_key_identifier;
        let own = self.extensions.subject_key_identifier;
        self.is_self_issued() && named.is_some() && named == own
    }

    /// Whether its own key signed it, where that costs no more than a good chain: nobody vouched
    /// for the key, and a signature of a large one would.
    pub(crate) fn is_signed_by_itself(&self) -> bool {
        let PublicKey { algorithm, curve, bits } = PublicKey::of(self.public_key);
        let is_cheap = match algorithm.as_str() {
            "EC" => curve.as_deref() == Some("P-256"),
            "RSA" => bits <= 2048,
            other => other == "Ed25519",
        };
        self.is_self_issued() && is_cheap && self.signed.verify(self.public_key).is_ok()
    }
}

fn outer(der: &[u8]) -> Result<Elements<'_>, UnreadableCertificate> {
    let mut one = Elements::of(der);
    let certificate = one
        .expect(SEQUENCE)
        .map_err(|_| UnreadableCertificate::new("it does not begin as DER does, or is cut off"))?;
    one.end().map_err(|_| UnreadableCertificate::new("bytes follow its end"))?;
    Ok(Elements::of(certificate.content))
}

fn validity(validity: Element<'_>) -> Result<(OffsetDateTime, OffsetDateTime), BadDer> {
    let (rest, from) = ASN1Time::from_der(validity.content).map_err(|_| BadDer)?;
    let (rest, to) = ASN1Time::from_der(rest).map_err(|_| BadDer)?;
    Elements::of(rest).end()?;
    Ok((from.to_datetime(), to.to_datetime()))
}
