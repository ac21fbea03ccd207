//! The record of what was issued: to whom, when, with which names, and what was revoked since.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    Authority, Certificate, KeyAlgorithm, LeafRequest, Lifetime, Revocation, RevocationListRequest,
    RevocationReason, Serial, Usage, text,
};

/// All that an authority's directory has issued so far; the file `ca/issued.json`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Every root that was in charge, the present one last.
    pub authorities: Vec<AuthorityEntry>,
    /// Every leaf, the newest last.
    pub issued: Vec<Entry>,
}

/// A root and the newest list that it signed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityEntry {
    /// Its common name.
    pub common_name: String,
    /// Its key identifier in hex.
    pub key_identifier: String,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// The number of its newest revocation list.
    pub list_number: u64,
    /// When that list was made.
    #[serde(with = "time::serde::rfc3339")]
    pub list_this_update: OffsetDateTime,
    /// By when that list must be made anew.
    #[serde(with = "time::serde::rfc3339")]
    pub list_next_update: OffsetDateTime,
}

/// One leaf: enough to list it, to revoke it, and to issue the like of it again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The identity that it belongs to.
    pub name: String,
    /// Its serial number.
    #[serde(with = "text")]
    pub serial: Serial,
    /// What was asked for.
    #[serde(flatten)]
    pub subject: Subject,
    /// When it was issued.
    #[serde(with = "time::serde::rfc3339")]
    pub issued_at: OffsetDateTime,
    /// When it starts.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// The key identifier of the root that signed it, in hex.
    pub authority: String,
    /// When and why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
}

/// What a leaf says about its holder, and how it was asked to be made.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// What it is for.
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
    /// How long it was asked to live.
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

impl Record {
    /// The newest leaf of this name.
    pub fn newest(&self, name: &str) -> Option<&Entry> {
        self.issued.iter().rev().find(|entry| entry.name == name)
    }

    /// The leaf with this serial number.
    pub fn find(&self, serial: &Serial) -> Option<&Entry> {
        self.issued.iter().find(|entry| entry.serial == *serial)
    }

    pub(crate) fn authority_mut(&mut self, key_identifier: &str) -> Option<&mut AuthorityEntry> {
        let mut authorities = self.authorities.iter_mut();
        authorities.find(|entry| entry.key_identifier == key_identifier)
    }

    /// The list that this root should sign next: all that it issued, that was revoked, and that
    /// has not ended since (RFC 5280, 3.3).
    pub(crate) fn list_request(&self, key_identifier: &str, number: u64) -> RevocationListRequest {
        let now = OffsetDateTime::now_utc();
        self.issued
            .iter()
            .filter(|entry| entry.authority == key_identifier && entry.not_after >= now)
            .filter_map(|entry| {
                let revoked = entry.revoked.as_ref()?;
                Some(Revocation {
                    at: revoked.at,
                    reason: revoked.reason,
                    serial: entry.serial.clone(),
                })
            })
            .fold(RevocationListRequest::new(number), RevocationListRequest::revocation)
    }
}

impl AuthorityEntry {
    pub(crate) fn new(authority: &Authority, list: &RevocationListRequest) -> Self {
        let root = authority.root();
        Self {
            common_name: root.common_name().to_owned(),
            key_identifier: key_identifier(root),
            not_after: root.not_after(),
            list_number: list.number(),
            list_this_update: list.dates().0,
            list_next_update: list.dates().1,
        }
    }

    /// Whether less than a third of the list's life is left.
    pub fn list_is_near_its_end(&self, now: OffsetDateTime) -> bool {
        (self.list_next_update - now) * 3 < self.list_next_update - self.list_this_update
    }
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

    /// Whether less than a third of its life is left, or it has ended.
    ///
    /// The minutes that its start was set back do not count as life: a leaf of twenty seconds
    /// would be at its end from the beginning.
    pub fn is_near_its_end(&self, now: OffsetDateTime) -> bool {
        let asked = self.subject.lifetime.duration();
        let life = asked.min(self.not_after - self.not_before);
        (self.not_after - now) * 3 < life
    }
}

impl Subject {
    /// A request for the like of it, with a new key.
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

/// A key identifier as the record writes it.
pub(crate) fn key_identifier(certificate: &Certificate) -> String {
    let bytes = certificate.key_identifier().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Entry, Record};
    use crate::{Authority, AuthorityRequest, KeyAlgorithm, LeafRequest, Lifetime, Usage};

    #[test]
    fn an_entry_asks_for_the_like_of_its_leaf() {
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
        let record = Record { authorities: Vec::new(), issued: vec![entry.clone()] };
        let text = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&text).unwrap();

        assert_eq!(read, record);
        assert_eq!(read.newest("a").unwrap().subject.request().subject(), entry.subject);
        assert_eq!(entry.subject.lifetime, Lifetime::days(3));
    }
}
