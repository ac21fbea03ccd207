//! How conditions are joined: `any` and `all` of them, nested to a bounded depth.

use std::fmt::{Display, Formatter};

use super::{Condition, InvalidRule};
use crate::pki::certificate::Certificate;
use crate::pki::spiffe::SpiffeId;

/// A condition, or conditions that are joined.
///
/// Displayed, it is the table that a file has: `{ all = [{ organization = "a" }, { dns = "b" }] }`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule(Joined);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Joined {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    One(Condition),
}

impl Rule {
    /// How deep rules may be nested; a condition alone has the depth 1.
    pub const DEPTH: usize = 8;

    /// Holds where each of the rules does.
    ///
    /// # Errors
    ///
    /// There is none of them, for all of nothing would hold for everybody; or they are nested too
    /// deep.
    pub fn all(rules: Vec<Self>) -> Result<Self, InvalidRule> {
        Self::joined(Joined::All(rules))
    }

    /// Holds where one of the rules does.
    ///
    /// # Errors
    ///
    /// There is none of them, or they are nested too deep.
    pub fn any(rules: Vec<Self>) -> Result<Self, InvalidRule> {
        Self::joined(Joined::Any(rules))
    }

    fn joined(joined: Joined) -> Result<Self, InvalidRule> {
        let rule = Self(joined);
        match rule.depth() {
            // A join without parts has its own level only, and a condition is no join.
            1 => Err(InvalidRule::Empty),
            depth if depth > Self::DEPTH => Err(InvalidRule::Deep),
            _ => Ok(rule),
        }
    }

    /// Whether it holds for this certificate.
    pub fn holds_for(&self, certificate: &Certificate) -> bool {
        match &self.0 {
            Joined::All(rules) => rules.iter().all(|rule| rule.holds_for(certificate)),
            Joined::Any(rules) => rules.iter().any(|rule| rule.holds_for(certificate)),
            Joined::One(condition) => condition.holds_for(certificate),
        }
    }

    fn depth(&self) -> usize {
        match &self.0 {
            Joined::All(rules) | Joined::Any(rules) => {
                1 + rules.iter().map(Self::depth).max().unwrap_or(0)
            }
            Joined::One(_) => 1,
        }
    }
}

impl From<Condition> for Rule {
    fn from(condition: Condition) -> Self {
        Self(Joined::One(condition))
    }
}

impl From<SpiffeId> for Rule {
    fn from(spiffe_id: SpiffeId) -> Self {
        Self::from(Condition::from(spiffe_id))
    }
}

impl Display for Rule {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let (word, rules) = match &self.0 {
            Joined::All(rules) => ("all", rules),
            Joined::Any(rules) => ("any", rules),
            Joined::One(condition) => return write!(formatter, "{{ {condition} }}"),
        };
        write!(formatter, "{{ {word} = ")?;
        list(rules, formatter)?;
        formatter.write_str(" }")
    }
}

/// Rules as an array.
pub(super) fn list(rules: &[Rule], formatter: &mut Formatter<'_>) -> std::fmt::Result {
    formatter.write_str("[")?;
    for (index, rule) in rules.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(formatter, "{comma}{rule}")?;
    }
    formatter.write_str("]")
}
