//! Which peer may do what: conditions on the attributes of its certificate, and how they are
//! joined. It judges no chain (that is [`crate::trust`]) and knows no route and no file.

mod attribute;
mod condition;
mod invalid;
mod name;
mod rule;

use std::fmt::{Display, Formatter};
use std::sync::Arc;

pub use self::attribute::Attribute;
pub use self::condition::Condition;
pub use self::invalid::{InvalidCondition, InvalidRule};
pub use self::rule::Rule;
use crate::certificate::Certificate;
use crate::peer::Peer;
use crate::refusal::{Code, Reason};

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
    /// open the door.
    pub fn new(rules: Vec<Rule>) -> Result<Self, InvalidRule> {
        if rules.is_empty() { Err(InvalidRule::Empty) } else { Ok(Self(rules)) }
    }

    /// The verdict on a peer.
    ///
    /// # Errors
    ///
    /// The reason, with the peer's certificate, where no rule holds for it.
    pub fn judge(&self, peer: &Peer) -> Result<(), Reason> {
        if self.allows(peer.certificate()) {
            return Ok(());
        }
        let certificate = Some(Arc::clone(peer.certificate()));
        Err(Reason { certificate, ..Reason::new(Code::NotAllowed) })
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
