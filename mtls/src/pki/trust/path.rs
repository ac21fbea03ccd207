//! One path from a leaf to a root: verified by rustls-webpki, and examined for what webpki leaves
//! open.

use rustls::pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::extensions::KeyUsage as KeyUsageBits;

use super::presented::{Presented, may, weakness};
use super::signatures::Signatures;
use super::{Revocation, Root, Trust, VerifiedChain};
use crate::event::refusal::{Code, Reason};
use crate::moment::Moment;
use crate::pki::certificate::der::{Elements, SEQUENCE};
use crate::pki::certificate::{Certificate, PublicKey, UnreadableCertificate};
use crate::pki::role::Role;

/// Certificates that may have issued each other, and the root at their end.
pub(super) struct Path<'a> {
    pub(super) chain: &'a Presented<'a>,
    pub(super) root: &'a Root,
    pub(super) signatures: &'a Signatures<'a>,
    /// Indices into the presented chain, leaf first.
    pub(super) steps: Vec<usize>,
    pub(super) trust: &'a Trust,
}

impl<'a> Path<'a> {
    pub(super) fn verify(&self, role: Role, now: OffsetDateTime) -> Result<VerifiedChain, Reason> {
        self.refuse_weak_keys()?;
        let der = |index: &usize| CertificateDer::from(&*self.chain.ders[*index]);
        let leaf = der(&0);
        let leaf =
            EndEntityCert::try_from(&leaf).map_err(|error| self.reason(&error, role, now))?;
        let above: Vec<CertificateDer<'_>> = self.steps[1..].iter().map(der).collect();
        let issuer = Elements::in_one(SEQUENCE, self.chain.parsed[self.top()].issuer);
        let issuer = issuer.map_err(|_| self.chain.reason(Code::BadEncoding, self.top()))?;
        let anchors = [self.root.anchor_named(issuer.remaining())];
        let usage = match role {
            Role::Client => KeyUsage::client_auth(),
            Role::Server => KeyUsage::server_auth(),
        };
        let algorithms = self.signatures.algorithms();
        let algorithms: Vec<_> = algorithms.iter().map(|one| one as _).collect();
        let verified =
            leaf.verify_for_usage(&algorithms, &anchors, &above, seconds(now), usage, None, None);
        match verified {
            Ok(path) => self.verified(&path).examine(role, now),
            Err(error) => Err(self.reason(&error, role, now)),
        }
    }

    /// The path that webpki took, which may leave out what this one has twice.
    fn verified(&self, path: &VerifiedPath<'_>) -> Self {
        let position = |der: &[u8]| self.chain.ders.iter().position(|sent| sent.as_ref() == der);
        let above = path.intermediate_certificates();
        let above = above.filter_map(|certificate| position(&certificate.der()));
        Self { steps: std::iter::once(0).chain(above).collect(), ..*self }
    }

    /// Everything that webpki does not look at.
    fn examine(&self, role: Role, now: OffsetDateTime) -> Result<VerifiedChain, Reason> {
        self.root_counts(now)?;
        let mut certificate = self.read()?;
        self.purpose_fits(&certificate, role)?;
        self.issuers_are_authorities()?;
        self.path_lengths_hold()?;
        let lists = self.refuse_revoked(now)?;

        certificate.chain.push(self.root.certificate.subject.to_string());
        let ends = self.steps.iter().map(|index| self.chain.parsed[*index].not_after);
        let due = lists.iter().filter_map(|list| list.next_update);
        let due = due.filter(|_| self.trust.revocation == Revocation::Required);
        let not_after = ends.chain(due).fold(self.root.certificate.valid_to, Ord::min);
        let presented = self.chain.ders.iter().map(|der| der.clone().into_owned()).collect();
        Ok(VerifiedChain { certificate, not_after, presented })
    }

    /// What stands in the leaf, with the path as its `chain`; of each other certificate of the
    /// path, all that is read can be decoded too.
    fn read(&self) -> Result<Certificate, Reason> {
        let bad = |index: usize| {
            move |error: UnreadableCertificate| {
                error.reason().with_certificate(self.chain.facts(index))
            }
        };
        let mut leaf = Certificate::of(self.chain.leaf()).map_err(bad(0))?;
        for &index in &self.steps[1..] {
            let issuer = Certificate::of(&self.chain.parsed[index]).map_err(bad(index))?;
            leaf.chain.extend(issuer.chain);
        }
        Ok(leaf)
    }

    fn refuse_weak_keys(&self) -> Result<(), Reason> {
        for &index in &self.steps {
            let key = PublicKey::of(self.chain.parsed[index].public_key);
            if let Some(weakness) = weakness(&key) {
                let detail = match index {
                    0 => weakness,
                    _ => format!("{}: {weakness}", self.who(index)),
                };
                let reason = self.chain.reason(Code::UnsupportedAlgorithm, index);
                return Err(reason.with_detail(detail));
            }
        }
        Ok(())
    }

    fn root_counts(&self, now: OffsetDateTime) -> Result<(), Reason> {
        let root = &self.root.certificate;
        if self.root.counts_at(now) {
            return Ok(());
        }
        let (code, detail) = if now > root.valid_to {
            let ended = format!("its root {} ended at {}", root.subject, Moment(root.valid_to));
            (Code::Expired, ended)
        } else {
            let begins = format!("its root {} begins at {}", root.subject, Moment(root.valid_from));
            (Code::NotYetValid, begins)
        };
        Err(Reason::new(code).with_detail(detail).with_certificate(root.clone()))
    }

    fn purpose_fits(&self, leaf: &Certificate, role: Role) -> Result<(), Reason> {
        let detail = if !leaf.extended_key_usage.iter().any(|usage| usage == role.purpose()) {
            match leaf.extended_key_usage.as_slice() {
                [] => format!("it has no extended key usage, and {} is needed", role.purpose()),
                has => format!("it is for {}, and {} is needed", has.join(", "), role.purpose()),
            }
        } else if !leaf.key_usage.is_empty() && !leaf.key_usage.contains(&"digitalSignature") {
            format!("its key usage is {} without digitalSignature", leaf.key_usage.join(", "))
        } else {
            return Ok(());
        };
        Err(self.chain.reason(Code::WrongPurpose, 0).with_detail(detail))
    }

    fn issuers_are_authorities(&self) -> Result<(), Reason> {
        for &index in &self.steps[1..] {
            if !may(&self.chain.parsed[index], KeyUsageBits::key_cert_sign) {
                let reason = self.chain.reason(Code::IssuerNotAuthority, index);
                return Err(reason.with_detail("its key usage does not include keyCertSign"));
            }
        }
        Ok(())
    }

    /// RFC 5280, section 6.1.4 (l) and (m): self-issued intermediates do not count.
    pub(super) fn path_lengths_hold(&self) -> Result<(), Reason> {
        let mut intermediates_below = 0;
        let too_long = |limit: Option<u32>, below: u32| limit.is_some_and(|limit| below > limit);
        for &index in &self.steps[1..] {
            let issuer = &self.chain.parsed[index];
            let constraints = issuer.extensions.basic_constraints.as_ref();
            let limit = constraints.and_then(|constraints| constraints.path_len_constraint);
            if too_long(limit, intermediates_below) {
                return Err(self.chain.reason(Code::PathTooLong, index));
            }
            if !issuer.is_self_issued() {
                intermediates_below += 1;
            }
        }
        if too_long(self.root.path_length, intermediates_below) {
            let reason = Reason::new(Code::PathTooLong);
            return Err(reason.with_certificate(self.root.certificate.clone()));
        }
        Ok(())
    }

    /// The certificate of the issuer of a step.
    pub(super) fn above(&self, step: usize) -> Certificate {
        match self.steps.get(step + 1) {
            Some(&index) => self.chain.facts(index),
            None => self.root.certificate.clone(),
        }
    }

    /// The public key of the issuer of a step, as DER.
    pub(super) fn key_above(&self, step: usize) -> &'a [u8] {
        match self.steps.get(step + 1) {
            Some(&index) => self.chain.parsed[index].public_key,
            None => &self.root.key,
        }
    }

    /// Whether two of its certificates have the same name.
    pub(super) fn has_namesakes(&self) -> bool {
        let subject = |index: &usize| self.chain.parsed[*index].subject;
        self.steps.iter().enumerate().any(|(step, index)| {
            self.steps[..step].iter().any(|below| subject(below) == subject(index))
        })
    }

    /// The certificate that a root issued.
    fn top(&self) -> usize {
        self.steps.last().copied().unwrap_or(0)
    }
}

fn seconds(now: OffsetDateTime) -> UnixTime {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}
