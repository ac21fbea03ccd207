//! Which peer may do what: conditions on the attributes of its certificate, and how they are
//! joined; and which of several rules a path selects. It verifies no chain (that is
//! [`crate::pki::trust`]) and knows no route and no file.

mod attribute;
mod condition;
mod invalid;
mod name;
mod path;
mod rule;

use std::fmt::{Display, Formatter};
use std::sync::Arc;

pub use self::attribute::Attribute;
pub use self::condition::Condition;
pub use self::invalid::{InvalidCondition, InvalidRule};
pub use self::path::{InvalidPath, InvalidPrefix, PathPrefix, PathTable, RequestPath};
pub use self::rule::Rule;
use crate::event::refusal::{Code, Reason};
use crate::peer::Peer;
use crate::pki::certificate::Certificate;

/// Who is allowed: the peers that one rule of a list holds for.
///
/// There is no policy that allows everybody: where everybody may come, there is no policy.
/// Displayed, it is the array that a file has, `[{ dns = "a.local" }, { ip = "10.0.0.1" }]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy(Vec<Rule>);

impl Policy {
    /// Allows the peers that one of the rules holds for.
    ///
    /// # Errors
    ///
    /// [`InvalidRule::Empty`] where there is none: a list that was emptied by mistake must not
    /// allow everybody.
    pub fn new(rules: Vec<Rule>) -> Result<Self, InvalidRule> {
        if rules.is_empty() { Err(InvalidRule::Empty) } else { Ok(Self(rules)) }
    }

    /// Allows the peers that one rule holds for, such as the one peer of a SPIFFE ID.
    pub fn allow(rule: impl Into<Rule>) -> Self {
        Self(vec![rule.into()])
    }

    /// The verdict on a peer.
    ///
    /// # Errors
    ///
    /// The reason, with the peer's certificate, where no rule holds for it.
    pub fn authorize(&self, peer: &Peer) -> Result<(), Reason> {
        if self.allows(peer.certificate()) {
            return Ok(());
        }
        let certificate = Some(Arc::clone(peer.certificate()));
        let mut reason = Reason::new(Code::NotAllowed);
        reason.certificate = certificate;
        Err(reason)
    }

    /// Whether one rule holds for this certificate, which must be a verified one's.
    pub fn allows(&self, certificate: &Certificate) -> bool {
        self.0.iter().any(|rule| rule.holds_for(certificate))
    }
}

impl Display for Policy {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        rule::list(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use authority::{Authority, AuthorityRequest, LeafRequest};
    use rustls::pki_types::CertificateDer;
    use time::OffsetDateTime;

    use super::{Attribute, Condition, Policy, Rule};
    use crate::event::refusal::Code;
    use crate::peer::Peer;
    use crate::pki::role::Role;
    use crate::pki::trust::{Revocation, Trust};

    #[test]
    fn a_verified_peer_is_judged_and_the_reason_bears_its_certificate() {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let (web, shop) = (peer(&authority, "web"), peer(&authority, "shop"));
        let condition = Condition::new(Attribute::CommonName, "web").unwrap();
        let policy = Policy::new(vec![Rule::from(condition)]).unwrap();

        assert!(policy.authorize(&web).is_ok());
        let reason = policy.authorize(&shop).unwrap_err();

        assert_eq!(reason.code, Code::NotAllowed);
        assert_eq!(reason.certificate.unwrap().name(), "shop");
    }

    fn peer(authority: &Authority, name: &str) -> Peer {
        let now = OffsetDateTime::now_utc();
        let root = CertificateDer::from(authority.root().der().to_vec());
        let trust = Trust::new(vec![root], &[], Revocation::Checked, now).unwrap();
        let leaf = authority.issue(&LeafRequest::new(name).dns(name)).unwrap();
        let chain: Vec<_> = leaf.chain_der().into_iter().map(CertificateDer::from).collect();
        Peer::new(trust.verify(&chain, Role::Client, now).unwrap())
    }
}
