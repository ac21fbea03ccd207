//! One leaf in the record: what was requested, and its state.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::record::key_identifier;
use crate::{
    Certificate, KeyAlgorithm, LeafRequest, Lifetime, RevocationReason, Serial, Usage, text,
};

/// One leaf: enough to list it, to revoke it, and to issue another one like it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The identity that it belongs to.
    pub name: String,
    /// Its serial number.
    #[serde(with = "text")]
    pub serial: Serial,
    /// What was requested.
    #[serde(flatten)]
    pub subject: Subject,
    /// When it was issued.
    #[serde(with = "time::serde::rfc3339")]
    pub issued_at: OffsetDateTime,
    /// When its validity starts.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// When it expires.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// The key identifier of the root that signed it, in hex.
    pub authority: String,
    /// When and why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
}

/// The subject, names and key of a leaf, and its requested lifetime.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its usage.
    #[serde(with = "text")]
    pub usage: Usage,
    /// Its common name.
    pub common_name: String,
    /// Its organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Its organizational unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<String>,
    /// Its DNS names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// Its IP addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip: Vec<std::net::IpAddr>,
    /// Its URIs, the SPIFFE ID among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uri: Vec<String>,
    /// Its mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub email: Vec<String>,
    /// The algorithm of its key.
    #[serde(with = "text")]
    pub key: KeyAlgorithm,
    /// The requested lifetime.
    #[serde(with = "text")]
    pub lifetime: Lifetime,
}

/// When and why a leaf was revoked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Revoked {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Why.
    #[serde(with = "text")]
    pub reason: RevocationReason,
}

impl Entry {
    pub(crate) fn new(
        name: &str,
        subject: Subject,
        leaf: &Certificate,
        root: &Certificate,
    ) -> Self {
        Self {
            name: name.to_owned(),
            serial: leaf.serial().clone(),
            subject,
            issued_at: crate::validity::whole_seconds(OffsetDateTime::now_utc()),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            authority: key_identifier(root),
            revoked: None,
        }
    }

    /// Whether less than a third of its lifetime is left, or it has expired.
    ///
    /// The minutes by which its start was backdated do not count: otherwise a leaf of twenty
    /// seconds would be due from the beginning.
    pub fn is_near_its_end(&self, now: OffsetDateTime) -> bool {
        self.due() < now
    }

    /// When less than a third of its lifetime will be left.
    pub fn due(&self) -> OffsetDateTime {
        self.not_after - self.life() / 3
    }

    /// Its lifetime, without the backdating.
    pub fn life(&self) -> Duration {
        self.subject.lifetime.duration().min(self.not_after - self.not_before)
    }
}

impl Subject {
    /// A request for another leaf like it, with a new key.
    pub fn request(&self) -> LeafRequest {
        let mut request = LeafRequest::new(&self.common_name)
            .usage(self.usage)
            .key(self.key)
            .lifetime(self.lifetime);
        if let Some(name) = &self.organization {
            request = request.organization(name);
        }
        if let Some(name) = &self.organizational_unit {
            request = request.organizational_unit(name);
        }
        let request = self.dns.iter().fold(request, LeafRequest::dns);
        let request = self.ip.iter().copied().fold(request, LeafRequest::ip);
        let request = self.uri.iter().fold(request, LeafRequest::uri);
        self.email.iter().fold(request, LeafRequest::email)
    }

    /// All its alternative names, as text.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let ip = self.ip.iter().map(ToString::to_string);
        self.dns
            .iter()
            .cloned()
            .chain(ip)
            .chain(self.uri.iter().cloned())
            .chain(self.email.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::Entry;
    use crate::{Authority, AuthorityRequest, KeyAlgorithm, LeafRequest, Lifetime, Record, Usage};

    #[test]
    fn an_entry_requests_another_leaf_like_its_own() {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let request = LeafRequest::new("a")
            .organization("o")
            .organizational_unit("u")
            .dns("a")
            .ip([127, 0, 0, 1])
            .spiffe("spiffe://a/b")
            .email("a@b")
            .usage(Usage::Both)
            .key(KeyAlgorithm::EcdsaP384)
            .lifetime(Lifetime::days(3));

        let leaf = authority.issue(&request).unwrap();
        let entry = Entry::new("a", request.subject(), leaf.certificate(), authority.root());
        let record =
            Record { authorities: Vec::new(), issued: vec![entry.clone()], rollover: None };
        let text = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&text).unwrap();

        assert_eq!(read, record);
        assert_eq!(read.newest("a").unwrap().subject.request().subject(), entry.subject);
        assert_eq!(entry.subject.lifetime, Lifetime::days(3));
    }
}
