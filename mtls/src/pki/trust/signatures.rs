//! Which certificates of a chain are signed by which keys. Each signature is verified at most once
//! in a verification, whether webpki asks or we do: verifying one costs more than everything else.

use std::fmt::{Debug, Formatter};
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

use super::Root;
use super::path::Path;
use super::presented::Presented;
use crate::pki::certificate::{Fields, NotSigned};
use crate::protocol::PROVIDER;

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// The signatures of one chain that were verified.
pub(super) struct Signatures<'a> {
    certificates: &'a [Fields<'a>],
    roots: &'a [Root],
    verified: Mutex<Vec<Verified>>,
}

/// The result for one certificate and one key.
struct Verified {
    algorithm: [AlgorithmIdentifier; 2],
    /// The certificate, by its index in the chain.
    index: usize,
    is_by_root: bool,
    /// The content of the `subjectPublicKey`.
    key: Vec<u8>,
    result: Result<(), InvalidSignature>,
}

/// What is known of the signatures of a path.
pub(super) enum Signed {
    /// All verify.
    All,
    /// The certificate at this step is not signed by the key above it.
    Not(usize, NotSigned),
    /// The signature at this step was not verified, since another one was wrong.
    Unknown(usize),
}

impl<'a> Signatures<'a> {
    pub(super) fn of(chain: &'a Presented<'a>, roots: &'a [Root]) -> Self {
        Self { certificates: &chain.parsed, roots, verified: Mutex::default() }
    }

    /// The provider's algorithms, for webpki.
    pub(super) fn algorithms(&self) -> Vec<Remembered<'_>> {
        let all = PROVIDER.signature_verification_algorithms.all.iter();
        all.map(|algorithm| Remembered { algorithm: *algorithm, signatures: self }).collect()
    }

    /// Verifies the signatures of a path from the root on, as webpki does.
    pub(super) fn verify(&self, path: &Path<'_>) -> Signed {
        self.verify_down_to(0, path)
    }

    /// The same, of this step and those above.
    pub(super) fn verify_down_to(&self, lowest: usize, path: &Path<'_>) -> Signed {
        let steps = (lowest..path.steps.len()).rev();
        let is_known_wrong = |step: &usize| {
            let (index, key) = (path.steps[*step], path.key_above(*step));
            let found = self.certificates[index].signed.algorithm_for(key);
            found.is_ok_and(|(algorithm, key)| {
                matches!(self.known(algorithm, index, key), Some(Err(InvalidSignature)))
            })
        };
        if let Some(step) = steps.clone().find(is_known_wrong) {
            return Signed::Not(step, NotSigned::Signature);
        }
        for step in steps {
            let (index, key) = (path.steps[step], path.key_above(step));
            let (algorithm, key) = match self.certificates[index].signed.algorithm_for(key) {
                Ok(found) => found,
                Err(why) => return Signed::Not(step, why),
            };
            let is_by_root = step + 1 == path.steps.len();
            let result = match self.known(algorithm, index, key) {
                Some(result) => result,
                None if self.may_try(index, is_by_root) => self.verify_one(algorithm, index, key),
                None => return Signed::Unknown(step),
            };
            if result.is_err() {
                return Signed::Not(step, NotSigned::Signature);
            }
        }
        Signed::All
    }

    /// Whether one more key may be tried. None is once a signature is wrong: the key identifiers
    /// name the issuer among several of one name, and it is tried first.
    ///
    /// Roots of one name, and what they issued, are the operator's own: all such roots are tried
    /// with one certificate, and all such intermediates with the leaf.
    fn may_try(&self, index: usize, is_root: bool) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wrong = verified.iter().filter(|one| one.result.is_err());
        wrong.all(|one| match one.index {
            0 if !one.is_by_root => true,
            other => is_root && other == index,
        })
    }

    fn known(
        &self,
        algorithm: Algorithm,
        index: usize,
        key: &[u8],
    ) -> Option<Result<(), InvalidSignature>> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let algorithm = identifiers(algorithm);
        let is_it =
            |one: &&Verified| one.index == index && one.algorithm == algorithm && one.key == key;
        verified.iter().find(is_it).map(|one| one.result)
    }

    fn verify_one(
        &self,
        algorithm: Algorithm,
        index: usize,
        key: &[u8],
    ) -> Result<(), InvalidSignature> {
        let signed = &self.certificates[index].signed;
        let result = algorithm.verify_signature(key, signed.body.whole, signed.signature);
        let is_by_root = self.roots.iter().any(|root| root.key.ends_with(key));
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let algorithm = identifiers(algorithm);
        verified.push(Verified { algorithm, index, is_by_root, key: key.to_vec(), result });
        result
    }
}

fn identifiers(algorithm: Algorithm) -> [AlgorithmIdentifier; 2] {
    [algorithm.public_key_alg_id(), algorithm.signature_alg_id()]
}

/// One of the provider's algorithms, which verifies no signature of the chain twice.
pub(super) struct Remembered<'a> {
    algorithm: Algorithm,
    signatures: &'a Signatures<'a>,
}

impl Debug for Remembered<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        self.algorithm.fmt(formatter)
    }
}

impl SignatureVerificationAlgorithm for Remembered<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let is_it = |one: &Fields<'_>| {
            one.signed.body.whole == message && one.signed.signature == signature
        };
        let Some(index) = self.signatures.certificates.iter().position(is_it) else {
            return self.algorithm.verify_signature(public_key, message, signature);
        };
        let known = self.signatures.known(self.algorithm, index, public_key);
        known.unwrap_or_else(|| self.signatures.verify_one(self.algorithm, index, public_key))
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn fips(&self) -> bool {
        self.algorithm.fips()
    }
}
