//! An identity of the gateway: its certificate, its trusted roots and its revocation lists.

use mtls::credentials::CredentialStore;
use mtls::pki::certificate::Certificate;
use mtls::pki::spiffe::SpiffeId;
use mtls::pki::trust::RevocationList;
use serde::Serialize;
use time::OffsetDateTime;

use super::moment::Moment;
use super::reload::ReloadView;
use super::shown::shown;
use super::validity::ValidityView;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityView {
    pub(super) directory: String,
    #[serde(skip)]
    pub(super) name: String,
    /// An RFC 4514 string.
    pub(super) subject: String,
    pub(super) spiffe_id: Option<SpiffeId>,
    pub(super) serial_number: String,
    #[serde(flatten)]
    pub(super) validity: ValidityView,
    pub(super) roots: Vec<RootView>,
    pub(super) lists: Vec<ListView>,
    pub(super) last_reload: ReloadView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RootView {
    pub(super) subject: String,
    #[serde(flatten)]
    pub(super) validity: ValidityView,
}

/// A revocation list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListView {
    pub(super) issuer: String,
    pub(super) number: Option<String>,
    pub(super) next_update: Option<Moment>,
    pub(super) stale: bool,
    /// Whether its issuer is known and its signature is valid.
    pub(super) verified: bool,
}

impl IdentityView {
    pub(super) fn of(store: &CredentialStore, now: OffsetDateTime) -> Self {
        let credentials = store.current();
        let Certificate { spiffe_id, serial_number, .. } = &*credentials.certificate;
        let roots = credentials.trust.roots().iter().map(|root| &root.certificate);
        let lists = credentials.trust.lists().iter();
        let reload = store.last_reload();
        Self {
            directory: store.directory().display().to_string(),
            name: shown(credentials.certificate.name()),
            subject: subject(&credentials.certificate),
            spiffe_id: spiffe_id.clone(),
            serial_number: serial_number.clone(),
            validity: ValidityView::of(&credentials.certificate, now),
            roots: roots.map(|root| RootView::of(root, now)).collect(),
            lists: lists.map(|list| ListView::of(list, now)).collect(),
            last_reload: ReloadView::new(reload.at, reload.problems),
        }
    }
}

impl RootView {
    fn of(root: &Certificate, now: OffsetDateTime) -> Self {
        Self { subject: subject(root), validity: ValidityView::of(root, now) }
    }
}

impl ListView {
    fn of(list: &RevocationList, now: OffsetDateTime) -> Self {
        Self {
            issuer: shown(&list.issuer),
            number: list.number.clone(),
            next_update: list.next_update.map(Moment),
            stale: list.is_stale(now),
            verified: list.is_verified(),
        }
    }
}

fn subject(certificate: &Certificate) -> String {
    shown(&certificate.subject.to_string())
}
