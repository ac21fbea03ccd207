//! The request for a leaf.

use std::net::IpAddr;

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, KeyUsagePurpose, SanType,
    SerialNumber,
};
use time::OffsetDateTime;

use crate::validity::RequestedValidity;
use crate::{
    AlternativeName, IssueError, KeyAlgorithm, KeyUsage, Lifetime, NameError, Serial, Subject,
    Usage,
};

/// The request for a leaf.
///
/// The default: the common name and nothing else, for a client, ECDSA P-256, 30 days,
/// critical key usage `digitalSignature`. Names are checked when the leaf is issued;
/// [`LeafRequest::problems`] returns all problems with them at once.
#[derive(Clone, Debug)]
pub struct LeafRequest {
    common_name: String,
    extensions: Vec<CustomExtension>,
    key: KeyAlgorithm,
    key_usages: Vec<KeyUsagePurpose>,
    names: Vec<Result<AlternativeName, NameError>>,
    nameless_server: bool,
    organization: Option<String>,
    organizational_unit: Option<String>,
    usage: Usage,
    pub(crate) validity: RequestedValidity,
}

impl LeafRequest {
    /// The organization of our own identities and authorities.
    pub const ORGANIZATION: &'static str = "mtls-demo";

    /// The default lifetime of a leaf.
    pub const LIFETIME: Lifetime = Lifetime::days(30);

    /// Creates a request with this common name; an empty one makes an empty subject.
    pub fn new(common_name: impl Into<String>) -> Self {
        Self {
            common_name: common_name.into(),
            extensions: Vec::new(),
            key: KeyAlgorithm::default(),
            key_usages: vec![KeyUsagePurpose::DigitalSignature],
            names: Vec::new(),
            nameless_server: false,
            organization: None,
            organizational_unit: None,
            usage: Usage::Client,
            validity: RequestedValidity::new(Self::LIFETIME),
        }
    }

    /// Adds a DNS name.
    pub fn dns(self, name: impl AsRef<str>) -> Self {
        self.name(AlternativeName::dns(name.as_ref()))
    }

    /// Adds a mail address.
    pub fn email(self, address: impl AsRef<str>) -> Self {
        self.name(AlternativeName::email(address.as_ref()))
    }

    /// Adds an IP address.
    pub fn ip(self, address: impl Into<IpAddr>) -> Self {
        self.name(Ok(AlternativeName::Ip(address.into())))
    }

    /// Adds a SPIFFE ID.
    pub fn spiffe(self, id: impl AsRef<str>) -> Self {
        self.name(AlternativeName::spiffe(id.as_ref()))
    }

    /// Adds any URI, a malformed SPIFFE ID too.
    pub fn uri(self, uri: impl AsRef<str>) -> Self {
        self.name(AlternativeName::uri(uri.as_ref()))
    }

    /// Adds a name, or its error.
    pub fn name(mut self, name: Result<AlternativeName, NameError>) -> Self {
        self.names.push(name);
        self
    }

    /// Sets the organization of the subject.
    pub fn organization(mut self, name: impl Into<String>) -> Self {
        self.organization = Some(name.into());
        self
    }

    /// Sets the organizational unit of the subject.
    pub fn organizational_unit(mut self, name: impl Into<String>) -> Self {
        self.organizational_unit = Some(name.into());
        self
    }

    /// Sets its usage.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Allows a server without a DNS name or an IP address; every client refuses it.
    pub fn nameless(mut self) -> Self {
        self.nameless_server = true;
        self
    }

    /// Sets these key usages instead of `digitalSignature`; an empty list omits the extension.
    pub fn key_usages(mut self, usages: &[KeyUsage]) -> Self {
        self.key_usages = usages.to_vec();
        self
    }

    /// Sets the algorithm of its key.
    pub fn key(mut self, algorithm: KeyAlgorithm) -> Self {
        self.key = algorithm;
        self
    }

    /// Sets its lifetime, from its start.
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.validity.lifetime = lifetime;
        self
    }

    /// Sets its start, instead of five minutes ago.
    pub fn not_before(mut self, moment: OffsetDateTime) -> Self {
        self.validity.not_before = Some(moment);
        self
    }

    /// Sets its expiry, instead of start plus lifetime.
    pub fn not_after(mut self, moment: OffsetDateTime) -> Self {
        self.validity.not_after = Some(moment);
        self
    }

    /// Does not limit its expiry to that of its issuer.
    pub fn outliving_its_issuer(mut self) -> Self {
        self.validity.outlives_issuer = true;
        self
    }

    /// Adds an extension; `der` is its content.
    pub fn extension(mut self, identifier: &[u64], critical: bool, der: &[u8]) -> Self {
        self.extensions.push(extension_of(identifier, critical, der));
        self
    }

    /// Everything for which an authority would refuse it, except the authority's own dates.
    pub fn problems(&self) -> Vec<IssueError> {
        let mut problems: Vec<IssueError> = self
            .subject_texts()
            .into_iter()
            .flat_map(|(_, text)| check_subject(text))
            .chain(self.names.iter().filter_map(|name| name.clone().err()))
            .map(IssueError::from)
            .collect();
        let named = |name: &Result<AlternativeName, NameError>| {
            // A malformed one is already reported.
            name.as_ref().map_or(true, AlternativeName::names_a_host)
        };
        if self.usage.serves() && !self.nameless_server && !self.names.iter().any(named) {
            problems.push(IssueError::ServerWithoutName);
        }
        problems.extend(self.validity.resolve(None).err());
        problems
    }

    /// The names that are well formed.
    pub fn names(&self) -> impl Iterator<Item = &AlternativeName> {
        self.names.iter().flatten()
    }

    pub(crate) fn key_algorithm(&self) -> KeyAlgorithm {
        self.key
    }

    pub(crate) fn parameters(&self, serial: &Serial) -> Result<CertificateParams, IssueError> {
        if let Some(problem) = self.problems().into_iter().next() {
            return Err(problem);
        }
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        for (kind, text) in self.subject_texts() {
            parameters.distinguished_name.push(kind, text);
        }
        parameters.subject_alt_names = self.alternative_names()?;
        // rcgen writes a subject key identifier only beside an explicit `cA=false`.
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = self.key_usages.clone();
        parameters.extended_key_usages = self.usage.purposes();
        parameters.use_authority_key_identifier_extension = true;
        parameters.custom_extensions = self.extensions.clone();
        parameters.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
        Ok(parameters)
    }

    fn alternative_names(&self) -> Result<Vec<SanType>, IssueError> {
        self.names()
            .map(|name| {
                name.to_rcgen()
                    .map_err(|source| IssueError::Sign { what: format!("name {name}"), source })
            })
            .collect()
    }

    fn subject_texts(&self) -> Vec<(DnType, &str)> {
        let common_name = Some(self.common_name.as_str()).filter(|name| !name.is_empty());
        [
            (DnType::CommonName, common_name),
            (DnType::OrganizationName, self.organization.as_deref()),
            (DnType::OrganizationalUnitName, self.organizational_unit.as_deref()),
        ]
        .into_iter()
        .filter_map(|(kind, text)| Some((kind, text?)))
        .collect()
    }
}

impl LeafRequest {
    /// The request as stored in the record, without its key usages and other extensions.
    pub fn subject(&self) -> Subject {
        let names = |wanted: fn(&AlternativeName) -> bool| {
            let names = self.names().filter(move |name| wanted(name));
            names.map(ToString::to_string).collect()
        };
        Subject {
            usage: self.usage,
            common_name: self.common_name.clone(),
            organization: self.organization.clone(),
            organizational_unit: self.organizational_unit.clone(),
            dns: names(|name| matches!(name, AlternativeName::Dns(_))),
            ip: self.addresses().collect(),
            uri: names(|name| matches!(name, AlternativeName::Spiffe(_) | AlternativeName::Uri(_))),
            email: names(|name| matches!(name, AlternativeName::Email(_))),
            key: self.key,
            lifetime: self.validity.lifetime(),
        }
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.names().filter_map(|name| match name {
            AlternativeName::Ip(address) => Some(*address),
            _ => None,
        })
    }
}

pub(crate) fn extension_of(identifier: &[u64], critical: bool, der: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(identifier, der.to_vec());
    extension.set_criticality(critical);
    extension
}

// RFC 5280, appendix A.1: 64 characters at most.
fn check_subject(text: &str) -> Option<NameError> {
    let length = text.chars().count();
    let bad = !(1..=64).contains(&length) || text.chars().any(char::is_control);
    bad.then(|| NameError::Subject(text.to_owned()))
}
