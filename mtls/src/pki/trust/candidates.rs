//! The paths that may lead from a leaf to a root, by names and key identifiers alone. No signature
//! is looked at, so they say only who *should* have signed.

use super::Root;
use super::name::Name;
use super::presented::Presented;
use crate::event::refusal::{Code, Reason};
use crate::pki::certificate::Fields;

/// The most certificates that are visited on the way to the roots, one that stands in several
/// paths as often as it does.
const MOST_VISITS: usize = 32;

/// The most bytes of a chain's names that are prepared for comparison, the leaf's first; names
/// beyond are equal only to the same bytes. Honest names have some hundred bytes each, and in most
/// chains they are the root's own bytes.
const MOST_PREPARED: usize = 768;

/// Which certificates of a chain, and which root, may have issued which.
pub(super) struct Candidates<'a> {
    chain: &'a Presented<'a>,
    /// For each certificate those that may be its issuer, by index; never the leaf.
    issuers: Vec<Vec<usize>>,
    /// How many bytes of names may still be prepared.
    left: usize,
    /// The names of all issuers.
    names: Vec<Name>,
    /// For each certificate the roots that may be its issuer, by index.
    roots: Vec<Vec<usize>>,
}

/// One path: certificates of a chain by index, leaf first, and a root by index.
pub(super) type Candidate = (Vec<usize>, usize);

impl<'a> Candidates<'a> {
    /// A root's name is compared as RFC 5280 has it. Names below it must be the same bytes, since
    /// only a root is known from elsewhere than from this chain.
    pub(super) fn of(chain: &'a Presented<'a>, roots: &[Root]) -> Self {
        let mut left = MOST_PREPARED;
        let name = |certificate: &Fields<'_>| {
            let known = roots.iter().find(|root| root.subject == certificate.issuer);
            known.map_or_else(|| prepared(certificate.issuer, &mut left), |root| root.name.clone())
        };
        let names: Vec<Name> = chain.parsed.iter().map(name).collect();
        let of_roots = |index: usize| {
            let could = |root: &usize| {
                let root = &roots[*root];
                root.name == names[index] && root.may_have_key(key_named_in(chain, index))
            };
            (0..roots.len()).filter(could).collect()
        };
        let above = |index: usize| {
            let could = |above: &usize| {
                *above != index
                    && chain.parsed[*above].subject == chain.parsed[index].issuer
                    && !has_another_key(chain, *above, key_named_in(chain, index))
                    && !chain.ders[..*above].contains(&chain.ders[*above])
            };
            let mut above: Vec<usize> = (1..chain.ders.len()).filter(could).collect();
            above.sort_by_key(|above| !has_named_key(chain, *above, key_named_in(chain, index)));
            above
        };
        let all = 0..chain.ders.len();
        Self {
            chain,
            issuers: all.clone().map(above).collect(),
            roots: all.map(of_roots).collect(),
            left,
            names,
        }
    }

    /// The paths in the order in which they are to be tried: straight to a root first, then by the
    /// intermediates whose key is named, then in the order in which the certificates were sent. And
    /// whether these are all.
    ///
    /// # Errors
    ///
    /// The certificates lead to no root.
    pub(super) fn paths(&self) -> Result<(Vec<Candidate>, bool), Reason> {
        let reached = self.reached();
        if reached.iter().all(|index| self.roots[*index].is_empty()) {
            return Err(self.unknown_issuer(&reached));
        }
        let (mut paths, mut visits) = (Vec::new(), 0);
        self.visit(&mut vec![0], &mut paths, &mut visits);
        Ok((paths, visits <= MOST_VISITS))
    }

    fn visit(&self, steps: &mut Vec<usize>, paths: &mut Vec<Candidate>, visits: &mut usize) {
        *visits += 1;
        let Some(&top) = steps.last().filter(|_| *visits <= MOST_VISITS) else {
            return;
        };
        paths.extend(self.roots[top].iter().map(|root| (steps.clone(), *root)));
        for &above in &self.issuers[top] {
            // As webpki does it (RFC 4158, section 5.2): one name and key once in a path.
            let is_same = |step: &usize| {
                self.chain.parsed[*step].subject == self.chain.parsed[above].subject
                    && self.chain.parsed[*step].public_key == self.chain.parsed[above].public_key
            };
            if !steps.iter().any(is_same) {
                steps.push(above);
                self.visit(steps, paths, visits);
                steps.pop();
            }
        }
    }

    /// The certificates that are reached from the leaf, it first.
    fn reached(&self) -> Vec<usize> {
        let mut reached = vec![0];
        let mut next = 0;
        while let Some(&index) = reached.get(next) {
            let above = self.issuers[index].iter().filter(|above| !reached.contains(above));
            let above: Vec<usize> = above.copied().collect();
            reached.extend(above);
            next += 1;
        }
        reached
    }

    fn unknown_issuer(&self, reached: &[usize]) -> Reason {
        let top = reached.last().copied().unwrap_or(0);
        let issuer = self.chain.facts(top).issuer;
        let mut left = self.left;
        let subjects = self.chain.parsed.iter().map(|one| prepared(one.subject, &mut left));
        let subjects: Vec<Name> = subjects.collect();
        let respelled = |index: &usize| self.respelled_issuer(*index, &subjects);
        let detail = match reached.iter().find_map(respelled) {
            None => format!("it names {issuer}"),
            Some((index, above)) => format!(
                "{} names {}, and the certificate of {} that came with it has that name in \
                 other bytes: below a root both must be the same bytes",
                self.chain.facts(index).name(),
                self.chain.facts(index).issuer,
                self.chain.facts(above).subject,
            ),
        };
        self.chain.reason(Code::UnknownIssuer, 0).with_detail(detail)
    }

    /// A certificate, and one that would be its issuer if its name were spelled the same.
    fn respelled_issuer(&self, index: usize, subjects: &[Name]) -> Option<(usize, usize)> {
        let key = key_named_in(self.chain, index);
        let is_respelled = |above: &usize| {
            self.chain.parsed[*above].subject != self.chain.parsed[index].issuer
                && subjects[*above] == self.names[index]
                && !has_another_key(self.chain, *above, key)
        };
        (1..self.chain.ders.len()).find(is_respelled).map(|above| (index, above))
    }
}

/// A name, as long as there are bytes left to prepare.
fn prepared(name: &[u8], left: &mut usize) -> Name {
    match left.checked_sub(name.len()) {
        Some(rest) => {
            *left = rest;
            Name::of(name)
        }
        None => Name::Bytes(name.to_vec()),
    }
}

fn key_named_in<'a>(chain: &'a Presented<'_>, index: usize) -> Option<&'a [u8]> {
    chain.parsed[index].extensions.authority_key_identifier
}

/// Whether a certificate's own key identifier is another than the one that is named.
fn has_another_key(chain: &Presented<'_>, index: usize, named: Option<&[u8]>) -> bool {
    match (named, chain.parsed[index].extensions.subject_key_identifier) {
        (Some(named), Some(own)) => named != own,
        _ => false,
    }
}

/// Whether a certificate's own key identifier is the one that is named.
fn has_named_key(chain: &Presented<'_>, index: usize, named: Option<&[u8]>) -> bool {
    named.is_some() && named == chain.parsed[index].extensions.subject_key_identifier
}
