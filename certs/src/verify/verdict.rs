//! The verdict on one identity directory: verifies as the services do, and repeats until every
//! problem is found.

use mtls::credentials::{load_identity, load_trust};
use mtls::event::refusal::{Code, Reason};
use mtls::pki::certificate::Certificate;
use mtls::pki::pem::{self, Item};
use mtls::pki::role::Role;
use mtls::pki::trust::{Revocation, Trust, VerifiedChain};
use mtls::untrusted::Untrusted;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use super::{fault::Fault, location::Location, warning};
use crate::date::date;
use crate::remaining::remaining;

/// The result of verifying an identity.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) faults: Vec<Fault>,
    /// One line for each role, and the remaining lifetime.
    pub(super) lines: Vec<String>,
    pub(super) warnings: Vec<Fault>,
}

impl Verdict {
    /// Verifies an identity in that role, or in each role that its extended key usage allows.
    ///
    /// Does the work of [`mtls::credentials::Credentials::load`] in steps, so that a bad file does
    /// not hide problems of the chain.
    pub(super) fn on(
        location: &Location,
        role: Option<Role>,
        revocation: Revocation,
        now: OffsetDateTime,
    ) -> Self {
        let mut verdict = Self::default();
        let chain = chain(location);
        let leaf = chain.first().and_then(|leaf| Certificate::read(leaf).ok());
        let mut bad_files = load_identity(&location.path).err().unwrap_or_default();
        let trust = load_trust(&location.path, revocation, now).map_err(|bad| {
            // If the directory is missing, its files are not listed.
            bad_files.extend(bad.into_iter().filter(|_| location.path.is_dir()));
        });
        for bad in &bad_files {
            verdict.add_fault(Fault::of_file(bad, location, leaf.as_ref(), now));
        }
        // Roots can be used even if the lists are invalid.
        let trust = trust.or_else(|()| load_trust(&location.path, Revocation::Off, now));
        if let (Some(leaf), Ok(trust)) = (&leaf, &trust) {
            Bench { chain: &chain, leaf, now, location, trust }.verify(role, &mut verdict);
        } else {
            verdict
                .lines
                .push("not verified: there is no chain, or no root to verify it against".into());
        }
        verdict.warnings.extend(warning::of_key(location));
        if let Ok(trust) = &trust {
            verdict.warnings.extend(warning::of_lists(trust, location, now));
            if verdict.faults.is_empty() {
                verdict.warnings.extend(warning::of_roots(trust, location, now));
            }
        }
        if let Some(leaf) = leaf.as_ref().filter(|_| verdict.faults.is_empty()) {
            verdict.warnings.extend(warning::of_dates(leaf, location, now));
            if role != Some(Role::Client) {
                verdict.warnings.extend(warning::of_names(leaf, location));
            }
        }
        verdict
    }

    fn add_fault(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// A chain, and everything that is needed to verify it.
struct Bench<'a> {
    chain: &'a [CertificateDer<'static>],
    leaf: &'a Certificate,
    now: OffsetDateTime,
    location: &'a Location,
    trust: &'a Trust,
}

impl Bench<'_> {
    fn verify(&self, role: Option<Role>, verdict: &mut Verdict) {
        let files_are_good = verdict.faults.is_empty();
        let claimed = [Role::Client, Role::Server].into_iter().filter(|role| self.claims(*role));
        let roles: Vec<Role> = role.map_or_else(|| claimed.collect(), |role| vec![role]);
        for role in &roles {
            let line = match self.ask(*role) {
                Ok(chain) if files_are_good => format!("fit: {}", path(&chain)),
                Ok(chain) => format!("NOT fit, though its chain is good: {}", path(&chain)),
                Err(reasons) => {
                    for reason in reasons {
                        verdict.add_fault(self.fault(&reason, Some(*role)));
                    }
                    "NOT fit".to_owned()
                }
            };
            verdict.lines.push(format!("{:<10}{line}", role.as_str()));
        }
        if roles.is_empty() {
            verdict.lines.push("fit for no role".to_owned());
            // Any role will do: the certificate was issued for neither.
            for reason in self.ask(Role::Client).err().into_iter().flatten() {
                verdict.add_fault(match reason.code {
                    Code::WrongPurpose => self.without_purpose(),
                    _ => self.fault(&reason, None),
                });
            }
        }
        let left = self.leaf.valid_to - self.now;
        if !left.is_negative() {
            let ends = date(self.leaf.valid_to);
            verdict.lines.push(format!("{:<10}{ends} ({} left)", "until", remaining(left)));
        }
    }

    /// Verifies the chain, and repeats as if each problem found were fixed, because one run reports
    /// one reason only. A problem that cannot be skipped ends the loop.
    fn ask(&self, role: Role) -> Result<VerifiedChain, Vec<Reason>> {
        let (mut now, mut role, mut without_lists) = (self.now, role, None);
        let mut reasons: Vec<Reason> = Vec::new();
        loop {
            let trust = without_lists.as_ref().unwrap_or(self.trust);
            let reason = match trust.verify(self.chain, role, now) {
                Ok(chain) if reasons.is_empty() => return Ok(chain),
                Ok(_) => return Err(reasons),
                Err(reason) => reason,
            };
            let is_known = reasons.iter().any(|known| known.sentence() == reason.sentence());
            if is_known || self.is_of_another_time(&reason) {
                return Err(reasons);
            }
            let (code, certificate) = (reason.code, reason.certificate.clone());
            reasons.push(reason);
            match (code, certificate) {
                (Code::Expired, Some(certificate)) => now = certificate.valid_to,
                (Code::NotYetValid, Some(certificate)) => now = certificate.valid_from,
                (Code::RevocationListStale | Code::RevocationUnknown | Code::Revoked, _) => {
                    without_lists = load_trust(&self.location.path, Revocation::Off, now).ok();
                }
                (Code::WrongPurpose, _) if self.claims(role.other()) => role = role.other(),
                _ => return Err(reasons),
            }
        }
    }

    /// Whether the problem exists only at the hypothetical time.
    fn is_of_another_time(&self, reason: &Reason) -> bool {
        let is_live = reason
            .certificate
            .as_ref()
            .is_some_and(|it| (it.valid_from..=it.valid_to).contains(&self.now));
        matches!(reason.code, Code::Expired | Code::NotYetValid) && is_live
    }

    fn claims(&self, role: Role) -> bool {
        self.leaf.extended_key_usage.iter().any(|usage| usage == role.purpose())
    }

    fn fault(&self, reason: &Reason, role: Option<Role>) -> Fault {
        Fault::of_reason(reason, role, self.location, Some(self.leaf), self.now)
    }

    fn without_purpose(&self) -> Fault {
        let has = match self.leaf.extended_key_usage.as_slice() {
            [] => "it has no extended key usage".to_owned(),
            has => format!("it is for {}", Untrusted(&has.join(", "))),
        };
        let sentence = Code::WrongPurpose.sentence();
        Fault {
            words: format!(
                "{sentence}: {has}, and clientAuth or serverAuth is needed (wrong-purpose)"
            ),
            fix: self.location.for_role(None, self.leaf),
        }
    }
}

/// The certificates in `tls.crt` that can be read; the loader reports the others.
fn chain(location: &Location) -> Vec<CertificateDer<'static>> {
    let pem = pem::read_file(&location.path.join("tls.crt")).unwrap_or_default();
    let items = pem::blocks(&pem).map_while(Result::ok).map(|block| block.item);
    let certificate = |item| match item {
        Item::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    items.filter_map(certificate).collect()
}

fn path(chain: &VerifiedChain) -> String {
    let subjects = chain.certificate.chain.iter().map(|subject| Untrusted(subject).to_string());
    subjects.collect::<Vec<_>>().join(" <- ")
}
