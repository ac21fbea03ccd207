//! The verification of one chain, in the order that makes the reported reason the true one.

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use super::Trust;
use super::candidates::Candidates;
use super::path::Path;
use super::presented::Presented;
use super::signatures::{Signatures, Signed};
use crate::event::refusal::{Code, Reason};
use crate::pki::certificate::{Certificate, NotSigned};
use crate::pki::role::Role;

/// A chain that was found good, from the leaf to one of our roots.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    /// The leaf, its `chain` reaching up to the root.
    pub certificate: Certificate,
    /// Until when this verdict holds by itself: the first end of a certificate of the chain or,
    /// where fresh lists are required, the first moment at which a consulted list is stale.
    pub not_after: OffsetDateTime,
    /// What was presented, for the next verification.
    pub presented: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Verifies the chain that the peer in `role` presented, at the time `now`.
    ///
    /// Each path that may lead from the leaf to a root is verified after RFC 5280, section 6, by
    /// rustls-webpki, until one is good. Beyond it: a root outside of its dates does not count;
    /// the leaf has the role's extended key usage, and `digitalSignature` if it has a key usage
    /// at all; an issuer's key usage includes `keyCertSign`; path lengths hold from the root on;
    /// RSA keys have 2048 bits at least; nothing in the path has been revoked. Certificates that
    /// stand in no path do not matter.
    ///
    /// The name is not verified here: only a client knows the name that a server must have.
    pub fn verify(
        &self,
        presented: &[CertificateDer<'_>],
        role: Role,
        now: OffsetDateTime,
    ) -> Result<VerifiedChain, Reason> {
        let chain = Presented::parse(presented)?;
        let paths = Candidates::of(&chain, &self.roots).paths();
        chain.refuse_self_signed(paths.is_ok())?;
        let (candidates, mut are_all) = paths?;

        let mut refused: Vec<(Path<'_>, Refused)> = Vec::new();
        let signatures = Signatures::of(&chain, &self.roots);
        for (steps, root) in candidates {
            let root = &self.roots[root];
            let path = Path { chain: &chain, root, signatures: &signatures, steps, trust: self };
            // Signatures are verified beforehand where webpki would try more keys than we do: in a
            // second path, and where the certificates of one may be put in another order.
            let is_alone = refused.is_empty() && !path.has_namesakes();
            match if is_alone { Signed::All } else { signatures.verify(&path) } {
                Signed::All => {}
                Signed::Not(step, why) => {
                    refused.push((path, Refused::Unsigned(step, why)));
                    continue;
                }
                Signed::Unknown(_) => {
                    are_all = false;
                    break;
                }
            }
            match path.verify(role, now) {
                Ok(verified) => return Ok(verified),
                // Revocation on any path is final.
                Err(reason) if reason.code == Code::Revoked => return Err(reason),
                Err(reason) => refused.push((path, Refused::For(reason))),
            }
        }
        if !are_all {
            return Err(chain.reason(Code::ChainTooComplex, 0));
        }
        let refusal = if refused.len() == 1 {
            refused.pop()
        } else {
            // Of several paths the true one is that whose signatures verify, or the most of them;
            // and an edition of an intermediate that ended is in the way of nobody who sends a
            // later one.
            refused.into_iter().min_by_key(|(path, why)| {
                let unsigned = match signatures.verify(path) {
                    Signed::All => 0,
                    Signed::Not(step, _) | Signed::Unknown(step) => step + 1,
                };
                (unsigned, why.is_of_dates())
            })
        };
        Err(match refusal {
            Some((_, Refused::For(reason))) => reason,
            Some((path, Refused::Unsigned(step, why))) => path.unsigned(step, why),
            None => chain.reason(Code::UnknownIssuer, 0),
        })
    }
}

/// Why a path was refused. The sentence about a signature is made for one path only, since a
/// stranger's certificates allow many.
enum Refused {
    For(Reason),
    Unsigned(usize, NotSigned),
}

impl Refused {
    fn is_of_dates(&self) -> bool {
        matches!(self, Self::For(reason) if matches!(reason.code, Code::Expired | Code::NotYetValid))
    }
}
