//! The own identity, the roots and the revocation lists, as `/identity` shows them.

use std::path::PathBuf;
use std::sync::Arc;

use mtls::credentials::CredentialStore;
use mtls::pki::certificate::Certificate;
use mtls::pki::trust::RevocationList;
use serde::Serialize;
use time::OffsetDateTime;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityView {
    #[serde(flatten)]
    certificate: Arc<Certificate>,
    days_left: i64,
    roots: Vec<RootView>,
    lists: Vec<ListView>,
    last_reload: ReloadView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RootView {
    #[serde(flatten)]
    certificate: Certificate,
    days_left: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListView {
    issuer: String,
    number: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    this_update: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    next_update: Option<OffsetDateTime>,
    stale: bool,
    /// Whether its issuer is known, and signed it.
    verified: bool,
}

#[derive(Serialize)]
struct ReloadView {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    directory: PathBuf,
    ok: bool,
    problems: Vec<String>,
}

impl IdentityView {
    pub(super) fn of(store: &CredentialStore, now: OffsetDateTime) -> Self {
        let credentials = store.current();
        let certificate = Arc::clone(&credentials.certificate);
        let reload = store.last_reload();
        let roots = credentials.trust.roots().iter().map(|root| RootView {
            days_left: root.certificate.days_left(now),
            certificate: root.certificate.clone(),
        });
        let lists = credentials.trust.lists().iter().map(|list| ListView::of(list, now));
        Self {
            days_left: certificate.days_left(now),
            certificate,
            roots: roots.collect(),
            lists: lists.collect(),
            last_reload: ReloadView {
                at: reload.at,
                directory: store.directory().to_owned(),
                ok: reload.problems.is_empty(),
                problems: reload.problems,
            },
        }
    }
}

impl ListView {
    fn of(list: &RevocationList, now: OffsetDateTime) -> Self {
        Self {
            issuer: list.issuer.clone(),
            number: list.number.clone(),
            this_update: list.this_update,
            next_update: list.next_update,
            stale: list.is_stale(now),
            verified: list.is_verified(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::IdentityView;
    use crate::readiness::tests::with_a_foreign_list;

    #[test]
    fn a_list_of_no_known_issuer_is_not_verified() {
        let store = with_a_foreign_list();

        let view = json!(IdentityView::of(&store, OffsetDateTime::now_utc()));

        assert_eq!(view["lists"][0]["verified"], true);
        assert_eq!(view["lists"][1]["issuer"], "O=mtls-demo,CN=stranger");
        assert_eq!(view["lists"][1]["verified"], false);
    }
}
