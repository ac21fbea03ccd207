//! Whether a service can do its work: what `/readyz` answers.

use std::sync::Arc;

use mtls::credentials::CredentialStore;
use mtls::pki::trust::{Revocation, RevocationList};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::process::Shutdown;

/// The whole answer.
#[derive(Debug, Serialize)]
pub struct Readiness {
    /// Whether every check that the service's work depends on is well.
    pub ready: bool,
    /// Each check.
    pub checks: Vec<Check>,
}

/// One thing that should be well.
#[derive(Debug, Serialize)]
pub struct Check {
    name: &'static str,
    ok: bool,
    /// How it stands, in words.
    detail: String,
    #[serde(skip)]
    is_required: bool,
}

impl Check {
    /// A check without which the service cannot work: it is not ready while this is not `ok`.
    pub fn required(name: &'static str, ok: bool, detail: String) -> Self {
        Self { name, ok, detail, is_required: true }
    }

    /// A check that warns: the service stays ready while this is not `ok`.
    pub fn warning(name: &'static str, ok: bool, detail: String) -> Self {
        Self { name, ok, detail, is_required: false }
    }
}

impl Readiness {
    /// Looks at each identity, at its revocation lists and its last reload, at what there is
    /// `more`, and whether the service is to stop.
    pub fn of(
        identities: &[Arc<CredentialStore>],
        more: Vec<Check>,
        shutdown: &Shutdown,
        now: OffsetDateTime,
    ) -> Self {
        let mut checks = Vec::new();
        for store in identities {
            checks.push(identity(store, now));
            let credentials = store.current();
            let revocation = credentials.trust.revocation();
            let lists = credentials.trust.lists().iter();
            checks.extend(lists.map(|list| fresh(list, revocation, now)));
            checks.push(reloaded(store));
        }
        checks.extend(more);
        let stopping = shutdown.is_requested();
        let detail = if stopping { "the service is stopping" } else { "the service is running" };
        checks.push(Check::required("running", !stopping, detail.to_owned()));
        Self { ready: checks.iter().all(|check| check.ok || !check.is_required), checks }
    }
}

fn identity(store: &CredentialStore, now: OffsetDateTime) -> Check {
    let credentials = store.current();
    let certificate = &credentials.certificate;
    let ends = rfc3339(certificate.valid_to);
    let ok = (certificate.valid_from..=certificate.valid_to).contains(&now);
    let detail = if ok {
        format!(
            "{} is valid until {ends}, {} days left",
            certificate.name(),
            certificate.days_left(now)
        )
    } else {
        format!(
            "{} is not valid now, only from {} to {ends}: renew it",
            certificate.name(),
            rfc3339(certificate.valid_from)
        )
    };
    Check::required("identity", ok, detail)
}

/// A failed reload warns: the last good identity still serves.
fn reloaded(store: &CredentialStore) -> Check {
    let reload = store.last_reload();
    let at = rfc3339(reload.at);
    let ok = reload.problems.is_empty();
    let detail = if ok {
        format!("the files were read at {at}")
    } else {
        let problems = reload.problems.join("; ");
        format!("the files of {at} were not taken, those before them are in force: {problems}")
    };
    Check::warning("reload", ok, detail)
}

/// A stale list warns; it takes the service down only where fresh ones are required, for then
/// every handshake is refused. So does one that nobody is known to have signed, which revokes
/// nobody.
fn fresh(list: &RevocationList, revocation: Revocation, now: OffsetDateTime) -> Check {
    let (is_stale, is_verified) = (list.is_stale(now), list.is_verified());
    let due = list.next_update.map_or_else(|| "no date".to_owned(), rfc3339);
    let number = list.number.as_deref().unwrap_or("none");
    let state = match (is_verified, is_stale) {
        (true, false) => format!("is fresh until {due}"),
        (true, true) => format!("is stale: it was to be replaced by {due}"),
        (false, _) => format!(
            "is unverified: its issuer is no root in ca.crt, and was not presented as an \
             intermediate since the files were read (the next list is due by {due})"
        ),
    };
    let detail = format!("the list of {} (number {number}) {state}", list.issuer);
    let check = match revocation {
        Revocation::Required if is_verified => Check::required,
        _ => Check::warning,
    };
    check("revocation-list", is_verified && !is_stale, detail)
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::sync::Arc;

    use authority::{Authority, AuthorityRequest, LeafRequest, RevocationListRequest, Usage};
    use mtls::credentials::CredentialStore;
    use mtls::pki::role::Role;
    use mtls::pki::trust::Revocation;
    use time::OffsetDateTime;

    use super::{Check, Readiness};
    use crate::process::Shutdown;

    #[test]
    fn a_list_of_no_known_issuer_is_unverified_and_never_fresh() {
        let (_stop, shutdown) = Shutdown::channel();

        let readiness = Readiness::of(
            &[with_a_foreign_list()],
            Vec::new(),
            &shutdown,
            OffsetDateTime::now_utc(),
        );

        let lists = readiness.checks.iter().filter(|check| check.name == "revocation-list");
        let [own, strange] = lists.collect::<Vec<_>>()[..] else { unreachable!("two lists") };
        assert!(own.ok && own.detail.contains("is fresh until"), "{}", own.detail);
        assert!(!strange.ok && strange.detail.contains("is unverified"), "{}", strange.detail);
        assert!(strange.detail.contains("CN=stranger") && !strange.detail.contains("fresh"));
        assert!(readiness.ready);
    }

    /// The list of the root, and then that of an authority that nobody knows.
    pub(crate) fn with_a_foreign_list() -> Arc<CredentialStore> {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let stranger = AuthorityRequest::default().common_name("stranger");
        let stranger = Authority::generate(&stranger).unwrap();
        let leaf = LeafRequest::new("a").dns("a").usage(Usage::Server);
        let leaf = authority.issue(&leaf).unwrap();
        let list = |authority: &Authority| {
            authority.revocation_list(&RevocationListRequest::new(1)).unwrap().pem().to_owned()
        };
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("tls.crt", leaf.chain_pem()),
            ("tls.key", leaf.key_pem()),
            ("ca.crt", authority.root().pem().to_owned()),
            ("ca.crl", list(&authority) + &list(&stranger)),
        ] {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let roles = [Role::Server];
        Arc::new(CredentialStore::load(directory.path(), &roles, Revocation::Checked).unwrap())
    }

    #[test]
    fn a_warning_leaves_the_service_ready_and_a_required_check_does_not() {
        let (_stop, shutdown) = Shutdown::channel();
        let ready =
            |check: Check| Readiness::of(&[], vec![check], &shutdown, OffsetDateTime::now_utc());
        assert!(ready(Check::required("a", true, String::new())).ready);

        let warned = ready(Check::warning("a", false, String::new()));
        let failed = ready(Check::required("a", false, String::new()));

        assert!(warned.ready && !warned.checks[0].ok);
        assert!(!failed.ready && !failed.checks[0].ok);
    }
}
