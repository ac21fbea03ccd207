//! The judgement of one chain, in the order that makes the told reason the true one.

use std::cell::RefCell;

use rustls::pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};
use x509_parser::extensions::KeyUsage as KeyUsageBits;

use super::presented::Presented;
use super::told::told;
use super::{Revocation, RevocationList, Root, Trust};
use crate::certificate::{Certificate, Fields, UnreadableCertificate, hexadecimal};
use crate::moment::Moment;
use crate::protocol::PROVIDER;
use crate::refusal::{Code, Reason};
use crate::role::Role;

/// A chain that was found good, from the leaf to one of our roots.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    /// The leaf, its `chain` reaching up to the root.
    pub certificate: Certificate,
    /// Until when this verdict holds by itself: the first end of a certificate of the chain or,
    /// where fresh lists are required, the first moment at which a consulted list is stale.
    pub not_after: OffsetDateTime,
    /// What was presented, for the next judgement.
    pub presented: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Judges the chain that the end in `role` presented, at the time `now`.
    ///
    /// The path is built and verified after RFC 5280, section 6, by rustls-webpki. Beyond it: a
    /// root outside of its dates does not count; the leaf bears the role's extended key usage,
    /// and `digitalSignature` if it has a key usage at all; an issuer's key usage includes
    /// `keyCertSign`; path lengths hold from the root on; RSA keys have 2048 bits at least;
    /// nothing in the path has been revoked.
    ///
    /// The name is not judged here: a server's name is the client's question.
    pub fn judge(
        &self,
        presented: &[CertificateDer<'_>],
        role: Role,
        now: OffsetDateTime,
    ) -> Result<VerifiedChain, Reason> {
        let chain = Presented::parse(presented)?;
        chain.refuse_self_signed()?;
        chain.refuse_unknown_issuer(&self.roots)?;
        chain.refuse_weak_keys()?;

        let refused: RefCell<Option<Reason>> = RefCell::new(None);
        let good = RefCell::new(None);
        let examine = |path: &VerifiedPath<'_>| {
            let path = Path::of(self, &chain, path);
            match path.examine(role, now) {
                Ok(verified) => {
                    good.replace(Some(verified));
                    Ok(())
                }
                Err(reason) => {
                    let mut first = refused.borrow_mut();
                    if first.is_none() || reason.code == Code::Revoked {
                        *first = Some(reason);
                    }
                    Err(Error::UnknownIssuer)
                }
            }
        };
        let leaf = EndEntityCert::try_from(&presented[0])
            .map_err(|error| told(&error, &chain, role, now))?;
        let usage = match role {
            Role::Client => KeyUsage::client_auth(),
            Role::Server => KeyUsage::server_auth(),
        };
        let verdict = leaf.verify_for_usage(
            PROVIDER.signature_verification_algorithms.all,
            &self.anchors,
            &presented[1..],
            seconds(now),
            usage,
            None,
            Some(&examine),
        );
        match (verdict, refused.take(), good.take()) {
            // What one issuer has taken back, no other way around it brings back.
            (_, Some(reason), _) if reason.code == Code::Revoked => Err(reason),
            (Ok(_), _, Some(verified)) => Ok(verified),
            (_, Some(reason), _) => Err(reason),
            (Err(error), None, _) => Err(told(&error, &chain, role, now)),
            (Ok(_), None, None) => Err(chain.reason(Code::UnknownIssuer, 0)),
        }
    }
}

/// A path whose signatures verify, with what webpki leaves open still to be examined.
struct Path<'a> {
    chain: &'a Presented<'a>,
    /// Indices into the presented chain, leaf first.
    steps: Vec<usize>,
    root: &'a Root,
    trust: &'a Trust,
}

impl<'a> Path<'a> {
    fn of(trust: &'a Trust, chain: &'a Presented<'a>, path: &VerifiedPath<'_>) -> Self {
        let position = |der: &[u8]| chain.ders.iter().position(|sent| sent.as_ref() == der);
        let above = path.intermediate_certificates();
        let above = above.filter_map(|certificate| position(&certificate.der()));
        let steps = std::iter::once(0).chain(above).collect();
        let anchor = trust.anchors.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        let root = &trust.roots[anchor.expect("webpki must answer with an anchor of ours")];
        Self { chain, steps, root, trust }
    }

    fn examine(&self, role: Role, now: OffsetDateTime) -> Result<VerifiedChain, Reason> {
        self.root_counts(now)?;
        let mut certificate = self.read()?;
        self.purpose_fits(&certificate, role)?;
        self.issuers_are_authorities()?;
        self.path_lengths_hold()?;
        let lists = self.lists()?;
        for (index, list) in &lists {
            self.not_listed(*index, *list, now)?;
        }

        certificate.chain.push(self.root.certificate.subject.to_string());
        let ends = self.certificates().map(|certificate| certificate.not_after);
        let due = lists.iter().filter_map(|(_, list)| list.as_ref()?.next_update);
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
    fn path_lengths_hold(&self) -> Result<(), Reason> {
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

    /// Each certificate of the path with the list of its issuer; none where lists are off.
    fn lists(&self) -> Result<Vec<(usize, Option<&RevocationList>)>, Reason> {
        if self.trust.revocation == Revocation::Off {
            return Ok(Vec::new());
        }
        let above = self.steps.iter().skip(1).map(Some).chain([None]);
        let list = |(index, issuer): (&usize, Option<&usize>)| {
            let list = match issuer {
                Some(&issuer) => self.list_of_intermediate(*index, issuer)?,
                None => self.trust.lists.iter().find(|list| list.is_of_root(self.root)),
            };
            Ok((*index, list))
        };
        self.steps.iter().zip(above).map(list).collect()
    }

    fn list_of_intermediate(
        &self,
        index: usize,
        issuer: usize,
    ) -> Result<Option<&RevocationList>, Reason> {
        let issuer = &self.chain.parsed[issuer];
        for list in &self.trust.lists {
            let its = list.is_of(issuer.subject, issuer.public_key);
            let may_sign = may(issuer, KeyUsageBits::crl_sign);
            match its {
                Ok(false) => {}
                Ok(true) if may_sign => return Ok(Some(list)),
                Ok(true) | Err(_) => {
                    let detail = format!("the list of {} is not signed by its key", list.issuer);
                    let reason = self.chain.reason(Code::RevocationUnknown, index);
                    return Err(reason.with_detail(detail));
                }
            }
        }
        Ok(None)
    }

    fn not_listed(
        &self,
        index: usize,
        list: Option<&RevocationList>,
        now: OffsetDateTime,
    ) -> Result<(), Reason> {
        let required = self.trust.revocation == Revocation::Required;
        let Some(list) = list else {
            return if required {
                Err(self.chain.reason(Code::RevocationUnknown, index))
            } else {
                Ok(())
            };
        };
        if let Some(entry) = list.entry(&hexadecimal(self.chain.parsed[index].serial)) {
            let why = entry.reason.as_deref().unwrap_or("no reason given");
            let detail = format!("at {}, {why}", Moment(entry.at));
            return Err(self.chain.reason(Code::Revoked, index).with_detail(detail));
        }
        if required && list.is_stale(now) {
            let since = list.next_update.map_or_else(String::new, |due| Moment(due).to_string());
            let detail = format!("the list of {} was to be replaced by {since}", list.issuer);
            let reason = self.chain.reason(Code::RevocationListStale, index);
            return Err(reason.with_detail(detail));
        }
        Ok(())
    }

    fn certificates(&self) -> impl Iterator<Item = &Fields<'a>> {
        self.steps.iter().map(|index| &self.chain.parsed[*index])
    }
}

/// Whether the key usage includes `bit`, or is absent and so allows all.
fn may(certificate: &Fields<'_>, bit: fn(&KeyUsageBits) -> bool) -> bool {
    certificate.extensions.key_usage.as_ref().is_none_or(bit)
}

fn seconds(now: OffsetDateTime) -> UnixTime {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}
