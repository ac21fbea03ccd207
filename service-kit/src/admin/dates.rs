//! When certificates and lists end, and whether the last reload went well, as metrics. They are
//! written from what is in force at each scrape: a root that was taken away, or a serial that was
//! replaced, leaves no series behind.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};
use std::sync::Arc;

use mtls::connection::Connections;
use mtls::credentials::{CredentialStore, Credentials};
use mtls::pki::certificate::Certificate;

/// Displayed, Prometheus' text form.
pub(super) struct Dates {
    identities: Vec<IdentityDates>,
    /// The ends of the peers' certificates, by name.
    peers: BTreeMap<String, i64>,
}

struct IdentityDates {
    credentials: Arc<Credentials>,
    /// Whether the files as they are now are the ones in force.
    is_reloaded: bool,
    /// Its directory, where there are several.
    label: String,
}

/// The most peers with a series of their own: those whose certificates end first.
const MOST_PEERS: usize = 100;

impl Dates {
    pub(super) fn of(identities: &[Arc<CredentialStore>], connections: &Connections) -> Self {
        let mut peers: BTreeMap<String, i64> = BTreeMap::new();
        for connection in connections.open() {
            if let Some(peer) = connection.peer() {
                let end = peer.certificate().valid_to.unix_timestamp();
                let known = peers.entry(name(peer.certificate())).or_insert(end);
                *known = end.min(*known);
            }
        }
        let mut ends: Vec<i64> = peers.values().copied().collect();
        ends.sort_unstable();
        if let Some(last) = ends.get(MOST_PEERS - 1) {
            peers.retain(|_, end| *end <= *last);
        }
        let identities = identities.iter().map(|store| {
            let directory = store.directory().display().to_string();
            let label = format!("directory=\"{}\"", Label(&directory));
            IdentityDates {
                credentials: store.current(),
                is_reloaded: store.last_reload().problems.is_empty(),
                label: if identities.len() > 1 { label } else { String::new() },
            }
        });
        Self { identities: identities.collect(), peers }
    }
}

fn name(certificate: &Certificate) -> String {
    certificate
        .spiffe_id
        .as_ref()
        .map_or_else(|| certificate.name().to_owned(), |id| id.to_string())
}

impl Display for Dates {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        head(to, "mtls_identity_info", "The serial number of the certificate in use.")?;
        for IdentityDates { credentials, label, .. } in &self.identities {
            let serial = format!("serial=\"{}\"", credentials.certificate.serial_number);
            writeln!(to, "mtls_identity_info{} 1", Labels(&[label, &serial]))?;
        }

        let own = "mtls_identity_not_after_timestamp_seconds";
        head(to, own, "When the own certificate ends.")?;
        for IdentityDates { credentials, label, .. } in &self.identities {
            let end = credentials.certificate.valid_to.unix_timestamp();
            writeln!(to, "{own}{} {end}", Labels(&[label]))?;
        }

        let own = "mtls_identity_not_before_timestamp_seconds";
        head(to, own, "When the own certificate began.")?;
        for IdentityDates { credentials, label, .. } in &self.identities {
            let begin = credentials.certificate.valid_from.unix_timestamp();
            writeln!(to, "{own}{} {begin}", Labels(&[label]))?;
        }

        let reloaded = "mtls_last_reload_successful";
        head(to, reloaded, "Whether the files as they are now are in force.")?;
        for IdentityDates { is_reloaded, label, .. } in &self.identities {
            writeln!(to, "{reloaded}{} {}", Labels(&[label]), u8::from(*is_reloaded))?;
        }

        let roots = "mtls_root_not_after_timestamp_seconds";
        head(to, roots, "When a root ends.")?;
        for IdentityDates { credentials, label, .. } in &self.identities {
            for root in credentials.trust.roots() {
                let subject = root.certificate.subject.to_string();
                let subject = format!("subject=\"{}\"", Label(&subject));
                let end = root.certificate.valid_to.unix_timestamp();
                writeln!(to, "{roots}{} {end}", Labels(&[label, &subject]))?;
            }
        }

        let lists = "mtls_revocation_list_next_update_timestamp_seconds";
        head(to, lists, "When a revocation list is stale.")?;
        for IdentityDates { credentials, label, .. } in &self.identities {
            // Issuers of one name, and lists that are not distinguished yet, share a series.
            let mut first_due: BTreeMap<&str, i64> = BTreeMap::new();
            for list in credentials.trust.lists() {
                let due = list.next_update.map_or(i64::MAX, |due| due.unix_timestamp());
                let first = first_due.entry(&list.issuer).or_insert(due);
                *first = due.min(*first);
            }
            for (issuer, due) in first_due {
                let issuer = format!("issuer=\"{}\"", Label(issuer));
                writeln!(to, "{lists}{} {due}", Labels(&[label, &issuer]))?;
            }
        }

        let peers = "mtls_peer_not_after_timestamp_seconds";
        head(to, peers, "When the certificate of a connected peer ends, the earliest of each.")?;
        for (peer, end) in self.peers.iter().take(MOST_PEERS) {
            writeln!(to, "{peers}{{peer=\"{}\"}} {end}", Label(peer))?;
        }
        Ok(())
    }
}

fn head(to: &mut Formatter<'_>, name: &str, help: &str) -> Result {
    writeln!(to, "# HELP {name} {help}\n# TYPE {name} gauge")
}

/// A label's value, escaped as the text form wants it.
struct Label<'a>(&'a str);

impl Display for Label<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let escaped = self.0.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        to.write_str(&escaped)
    }
}

/// The labels of a sample, those that are not empty.
struct Labels<'a>(&'a [&'a str]);

impl Display for Labels<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let labels: Vec<&str> = self.0.iter().copied().filter(|label| !label.is_empty()).collect();
        if labels.is_empty() { Ok(()) } else { write!(to, "{{{}}}", labels.join(",")) }
    }
}
