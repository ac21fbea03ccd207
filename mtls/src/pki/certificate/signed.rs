//! What certificates and revocation lists have in common: signed bytes, and the signature over
//! them (RFC 5280, sections 4.1.1 and 5.1.1). It is verified with the provider's algorithms, as
//! everything else is; SHA-1 is not among them.

use rustls::pki_types::SignatureVerificationAlgorithm;

use super::der::{BIT_STRING, BadDer, Element, Elements, OBJECT_IDENTIFIER, SEQUENCE};
use super::key::signature_algorithm;
use crate::protocol::PROVIDER;

/// Signed bytes and their signature.
pub(crate) struct Signed<'a> {
    /// The content of the `AlgorithmIdentifier`.
    pub(crate) algorithm: &'a [u8],
    /// What is signed: a `TBSCertificate` or a `TBSCertList`.
    pub(crate) body: Element<'a>,
    pub(crate) signature: &'a [u8],
}

/// Why a signature does not verify with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotSigned {
    /// The algorithm is not supported with any key.
    Algorithm,
    /// The algorithm is for other keys.
    Key,
    /// Another key signed, or other bytes.
    Signature,
}

impl<'a> Signed<'a> {
    /// Reads the whole of a certificate or a list, whose body is not looked into.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, BadDer> {
        Self::of(Elements::in_one(SEQUENCE, der)?)
    }

    /// The same, of the members of the outer sequence.
    pub(super) fn of(mut members: Elements<'a>) -> Result<Self, BadDer> {
        let body = members.expect(SEQUENCE)?;
        let algorithm = members.expect(SEQUENCE)?.content;
        let signature = octets(members.expect(BIT_STRING)?)?;
        members.end()?;
        Ok(Self { algorithm, body, signature })
    }

    /// Whether a key signed it, the DER of a whole `SubjectPublicKeyInfo`.
    pub(crate) fn verify(&self, public_key: &[u8]) -> Result<(), NotSigned> {
        let (algorithm, key) = self.algorithm_for(public_key)?;
        algorithm
            .verify_signature(key, self.body.whole, self.signature)
            .map_err(|_| NotSigned::Signature)
    }

    /// The algorithm by which such a key would have signed it, and the content of the key's
    /// `subjectPublicKey`.
    pub(crate) fn algorithm_for<'k>(
        &self,
        public_key: &'k [u8],
    ) -> Result<(&'static dyn SignatureVerificationAlgorithm, &'k [u8]), NotSigned> {
        let (kind, key) = key(public_key).map_err(|_| NotSigned::Key)?;
        let mut fitting = self.algorithms().peekable();
        if fitting.peek().is_none() {
            return Err(NotSigned::Algorithm);
        }
        let algorithm = fitting.find(|algorithm| algorithm.public_key_alg_id().as_ref() == kind);
        Ok((algorithm.ok_or(NotSigned::Key)?, key))
    }

    /// Whether the signature can be verified, given the right key.
    pub(crate) fn is_supported(&self) -> bool {
        self.algorithms().next().is_some()
    }

    /// The algorithm's name, or its dotted object identifier.
    pub(crate) fn algorithm_name(&self) -> String {
        let identifier = Elements::of(self.algorithm).expect(OBJECT_IDENTIFIER);
        identifier.map_or_else(
            |_| "an unreadable algorithm".to_owned(),
            |identifier| signature_algorithm(identifier.content),
        )
    }

    fn algorithms(&self) -> impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm> {
        let all = PROVIDER.signature_verification_algorithms.all.iter().copied();
        all.filter(|algorithm| algorithm.signature_alg_id().as_ref() == self.algorithm)
    }
}

/// The content of a key's `AlgorithmIdentifier`, and its bits.
fn key(public_key: &[u8]) -> Result<(&[u8], &[u8]), BadDer> {
    let mut members = Elements::in_one(SEQUENCE, public_key)?;
    let kind = members.expect(SEQUENCE)?.content;
    let bits = octets(members.expect(BIT_STRING)?)?;
    members.end()?;
    Ok((kind, bits))
}

/// The octets of a bit string without unused bits.
fn octets(bits: Element<'_>) -> Result<&[u8], BadDer> {
    match bits.content {
        [0, octets @ ..] => Ok(octets),
        _ => Err(BadDer),
    }
}
