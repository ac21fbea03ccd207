//! Warnings: the identity is fit, but not for long, or it is not set up as it should be.

use std::os::unix::fs::PermissionsExt;

use mtls::pki::certificate::Certificate;
use mtls::pki::role::Role;
use mtls::pki::trust::{Revocation, Root, Trust};
use mtls::untrusted::Untrusted;
use time::OffsetDateTime;

use super::{fault::Fault, location::Location};
use crate::date::date;
use crate::remaining::remaining;

/// A key that other users can read.
pub(super) fn of_key(location: &Location) -> Option<Fault> {
    let mode = location.path.join("tls.key").metadata().ok()?.permissions().mode() & 0o7777;
    let readers = match (mode & 0o040 != 0, mode & 0o004 != 0) {
        (false, false) => return None,
        (_, true) => "everybody",
        (true, false) => "its group",
    };
    let file = location.file("tls.key");
    Some(Fault {
        words: format!("{file} can be read by {readers} (mode {mode:04o})"),
        fix: format!("chmod 600 {file}"),
    })
}

/// A server certificate without a name that a client could verify.
pub(super) fn of_names(certificate: &Certificate, location: &Location) -> Option<Fault> {
    let names = &certificate.subject_alt_names;
    let purpose = Role::Server.purpose();
    let is_server = certificate.extended_key_usage.iter().any(|usage| usage == purpose);
    let is_named = !names.dns.is_empty() || !names.ip.is_empty();
    (is_server && !is_named).then(|| Fault {
        words: "it has no DNS name and no address (subjectAltName), so every client refuses \
                this server (wrong-name)"
            .to_owned(),
        fix: location.for_role(None, certificate),
    })
}

/// Less than a third of the lifetime is left.
pub(super) fn of_dates(
    certificate: &Certificate,
    location: &Location,
    now: OffsetDateTime,
) -> Option<Fault> {
    let left = certificate.valid_to - now;
    let near = !left.is_negative() && left * 3 < certificate.valid_to - certificate.valid_from;
    near.then(|| Fault {
        words: format!(
            "less than a third of its life is left: it ends at {} ({} left)",
            date(certificate.valid_to),
            remaining(left)
        ),
        fix: location.renewal(Some(certificate)),
    })
}

/// Roots that have expired or are not yet valid.
pub(super) fn of_roots(trust: &Trust, location: &Location, now: OffsetDateTime) -> Vec<Fault> {
    let idle = trust.roots().iter().filter(|root| !root.counts_at(now));
    let words = idle.map(|root| {
        let it = &root.certificate;
        let life = format!("{} to {}", date(it.valid_from), date(it.valid_to));
        format!("the root {} is not used: it is valid from {life}", it.subject)
    });
    words.map(|words| warning(&words, location.fresh_root(now))).collect()
}

/// Lists that are stale, unverified or missing; empty if revocation is off.
pub(super) fn of_lists(trust: &Trust, location: &Location, now: OffsetDateTime) -> Vec<Fault> {
    if trust.revocation() == Revocation::Off {
        return Vec::new();
    }
    let stale = trust.lists().iter().filter(|list| list.is_stale(now)).map(|list| {
        let due = list.next_update.map_or_else(String::new, date);
        format!("the revocation list of {} is stale since {due}", list.issuer)
    });
    let unverified = trust.lists().iter().filter(|list| !list.is_verified()).map(|list| {
        let issuer = &list.issuer;
        format!(
            "the revocation list of {issuer} is unverified: it is neither a root nor in tls.crt"
        )
    });
    let has_list = |root: &&Root| trust.lists().iter().any(|list| list.is_of(root));
    let missing = trust
        .roots()
        .iter()
        .filter(|root| !has_list(root))
        .map(|root| format!("there is no revocation list of {}", root.certificate.subject));
    let all = stale.chain(unverified).chain(missing);
    all.map(|words| warning(&words, location.fresh_list(now))).collect()
}

fn warning(words: &str, fix: String) -> Fault {
    Fault { words: Untrusted(words).to_string(), fix }
}
