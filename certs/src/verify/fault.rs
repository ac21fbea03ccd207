//! Faults that make an identity unfit, with the command that fixes each.

use std::io::ErrorKind;

use mtls::credentials::BadFile;
use mtls::event::refusal::{Code, Reason};
use mtls::pki::certificate::Certificate;
use mtls::pki::role::Role;
use mtls::untrusted::Untrusted;
use time::OffsetDateTime;

use super::{location::Location, shell::quoted};

/// A fault, and the command that fixes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) fix: String,
    pub(super) words: String,
}

impl Fault {
    /// The fault of an invalid file.
    pub(super) fn of_file(
        bad: &BadFile,
        location: &Location,
        certificate: Option<&Certificate>,
        now: OffsetDateTime,
    ) -> Self {
        let of_trust = |path: &std::path::Path| {
            if path.ends_with("ca.crl") {
                location.fresh_list(now)
            } else if path.ends_with("ca.crt") {
                location.fresh_root(now)
            } else {
                location.renewal(certificate)
            }
        };
        let (words, fix) = match bad {
            BadFile::Absent { what, path } => {
                (format!("no {what} in {}", path.display()), of_trust(path))
            }
            BadFile::Encrypted { path, line } => {
                let file = quoted(&path.to_string_lossy());
                (
                    format!("the private key in {} (line {line}) is encrypted", path.display()),
                    format!("openssl pkey -in {file} -out {file}"),
                )
            }
            BadFile::Garbage { path, why, .. } => {
                (format!("garbage in {} ({why})", path.display()), of_trust(path))
            }
            BadFile::Identity { chain, key, problem } => {
                let fail =
                    if problem.is_mismatch() { "does not match" } else { "cannot be used with" };
                let words = format!("{} {fail} {}: {problem}", key.display(), chain.display());
                (words, location.renewal(certificate))
            }
            BadFile::Missing(path) => (format!("no file {}", path.display()), of_trust(path)),
            BadFile::NoDirectory(path) => {
                (format!("no identity directory {}", path.display()), location.renewal(certificate))
            }
            BadFile::TooLarge(path) => (bad.to_string(), of_trust(path)),
            BadFile::Trust { path, problem } => {
                let fix = if problem.concerns_lists() {
                    location.fresh_list(now)
                } else {
                    location.fresh_root(now)
                };
                (format!("{}: {}", path.display(), problem), fix)
            }
            BadFile::Unfit { reason, role, .. } => {
                return Self::of_reason(reason, Some(*role), location, certificate, now);
            }
            BadFile::Unreadable { path, mode, user, source } => {
                let words =
                    format!("cannot read {} (mode {mode}) as {user}: {source}", path.display());
                let fix = if source.kind() == ErrorKind::PermissionDenied {
                    format!("sudo chown \"$(id -un)\" {}", quoted(&path.to_string_lossy()))
                } else {
                    of_trust(path)
                };
                (words, fix)
            }
            _ => (bad.to_string(), location.renewal(certificate)),
        };
        Self { fix, words: Untrusted(&words).to_string() }
    }

    /// The fault of a chain that does not verify.
    pub(super) fn of_reason(
        reason: &Reason,
        role: Option<Role>,
        location: &Location,
        certificate: Option<&Certificate>,
        now: OffsetDateTime,
    ) -> Self {
        let words = Untrusted(&reason.sentence()).to_string();
        // The reason names the certificate at fault, which may be the root.
        let at_issue = reason.certificate.as_deref();
        let of_root = at_issue.is_some_and(|at_issue| at_issue.subject == at_issue.issuer);
        let fix = match (reason.code, certificate) {
            (Code::Expired | Code::NotYetValid, _) if of_root => {
                location.renewal_by_a_fresh_root(certificate, now)
            }
            (Code::RevocationListStale | Code::RevocationUnknown, _) => location.fresh_list(now),
            (Code::WrongPurpose, Some(certificate)) => location.for_role(role, certificate),
            _ => location.renewal(certificate),
        };
        Self { fix, words: format!("{words} ({})", reason.code) }
    }
}
