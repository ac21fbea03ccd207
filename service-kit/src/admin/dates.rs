//! When certificates and lists end, as metrics. They are written from what is in force at each
//! scrape: a root that was taken away, or a serial that was replaced, leaves no series behind.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};
use std::sync::Arc;

use mtls::certificate::Certificate;
use mtls::connections::Connections;
use mtls::live::{Credentials, Live};

/// Displayed, Prometheus' text form.
pub(super) struct Dates {
    credentials: Arc<Credentials>,
    /// The ends of the peers' certificates, by name.
    peers: BTreeMap<String, i64>,
}

/// The most peers that are told apart; those that end first are.
const MOST_PEERS: usize = 100;

impl Dates {
    pub(super) fn of(live: &Live, connections: &Connections) -> Self {
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
        Self { credentials: live.current(), peers }
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
        let own = &self.credentials.certificate;
        head(to, "mtls_identity_info", "The serial number of the certificate in use.")?;
        writeln!(to, "mtls_identity_info{{serial=\"{}\"}} 1", own.serial_number)?;

        head(to, "mtls_identity_not_after_timestamp_seconds", "When the own certificate ends.")?;
        let end = own.valid_to.unix_timestamp();
        writeln!(to, "mtls_identity_not_after_timestamp_seconds {end}")?;

        let roots = "mtls_root_not_after_timestamp_seconds";
        head(to, roots, "When a root ends.")?;
        for root in self.credentials.trust.roots() {
            let subject = Label(&root.certificate.subject.to_string()).to_string();
            let end = root.certificate.valid_to.unix_timestamp();
            writeln!(to, "{roots}{{subject=\"{subject}\"}} {end}")?;
        }

        let lists = "mtls_revocation_list_next_update_timestamp_seconds";
        head(to, lists, "When a revocation list is stale.")?;
        for list in self.credentials.trust.lists() {
            let due =
                list.next_update.map_or("+Inf".to_owned(), |d| d.unix_timestamp().to_string());
            writeln!(to, "{lists}{{issuer=\"{}\"}} {due}", Label(&list.issuer))?;
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
