//! The Kubernetes namespace and the SPIFFE trust domain in the identities of a directory.

use std::fmt;

use authority::{Record, Subject};

/// A namespace in a trust domain. An authority's directory has one: identities of two namespaces
/// would share names, so that a renewal or a revocation by name could affect the wrong one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Scope {
    pub(crate) namespace: String,
    pub(crate) trust_domain: String,
}

impl Scope {
    /// The scope of the newest identity that `certs init` created.
    pub(crate) fn of_record(record: &Record) -> Option<Self> {
        let made_by_init = record.issued.iter().rev().filter(|e| NAMES.contains(&&*e.name));
        made_by_init.map(|entry| &entry.subject).find_map(Self::of_subject)
    }

    /// The scope in `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, if the subject has such a URI.
    pub(crate) fn of_subject(subject: &Subject) -> Option<Self> {
        subject.uri.iter().find_map(|uri| match uri.split('/').collect::<Vec<_>>().as_slice() {
            ["spiffe:", "", trust_domain, "ns", namespace, "sa", _] => Some(Self {
                namespace: (*namespace).to_owned(),
                trust_domain: (*trust_domain).to_owned(),
            }),
            _ => None,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "namespace {}, trust domain {}", self.namespace, self.trust_domain)
    }
}

/// The names of the identities that `certs init` creates.
pub(crate) const NAMES: [&str; 3] = ["api-service", "client-service", "gateway"];
