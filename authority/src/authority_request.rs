//! The request for an authority, root or intermediate.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    GeneralSubtree, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::OffsetDateTime;

use crate::leaf_request::extension_of;
use crate::validity::RequestedValidity;
use crate::{Authority, KeyAlgorithm, KeyUsage, LeafRequest, Lifetime};

/// The request for a root or an intermediate.
///
/// The default is the root that `certs init` makes: ECDSA P-256, 365 days, path length 1, a
/// subject of its own that ends with the first eight hex digits of its key identifier.
/// [`AuthorityRequest::intermediate`] is the default for one below a root.
#[derive(Clone, Debug)]
pub struct AuthorityRequest {
    common_name: Option<String>,
    extensions: Vec<CustomExtension>,
    key: KeyAlgorithm,
    key_identifier: Option<Vec<u8>>,
    key_usages: Vec<KeyUsagePurpose>,
    name_constraints: NameConstraints,
    path_length: Option<u8>,
    subject: Option<DistinguishedName>,
    pub(crate) validity: RequestedValidity,
}

impl AuthorityRequest {
    /// An intermediate: path length 0, otherwise like a root.
    pub fn intermediate() -> Self {
        Self::default().path_length(0)
    }

    /// Sets the common name, instead of a generated one.
    ///
    /// Two roots with the same subject cannot be distinguished by their names.
    pub fn common_name(mut self, name: impl Into<String>) -> Self {
        self.common_name = Some(name.into());
        self
    }

    /// Uses the subject of another authority, as an impostor would.
    pub fn subject_of(mut self, other: &Authority) -> Self {
        self.subject = Some(other.certificate().subject().clone());
        self
    }

    /// Sets this subject key identifier, instead of the one derived from its key.
    pub fn key_identifier(mut self, identifier: &[u8]) -> Self {
        self.key_identifier = Some(identifier.to_vec());
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

    /// Sets how many intermediates may be between it and a leaf.
    pub fn path_length(mut self, length: u8) -> Self {
        self.path_length = Some(length);
        self
    }

    /// Omits the path length.
    pub fn any_path_length(mut self) -> Self {
        self.path_length = None;
        self
    }

    /// Sets these key usages instead of certificate and CRL signing; an empty list omits the
    /// extension.
    pub fn key_usages(mut self, usages: &[KeyUsage]) -> Self {
        self.key_usages = usages.to_vec();
        self
    }

    /// Permits DNS names at or below this one (RFC 5280, 4.2.1.10).
    pub fn permit_dns(mut self, subtree: impl Into<String>) -> Self {
        let subtree = GeneralSubtree::DnsName(subtree.into());
        self.name_constraints.permitted_subtrees.push(subtree);
        self
    }

    /// Excludes DNS names at or below this one (RFC 5280, 4.2.1.10).
    pub fn exclude_dns(mut self, subtree: impl Into<String>) -> Self {
        let subtree = GeneralSubtree::DnsName(subtree.into());
        self.name_constraints.excluded_subtrees.push(subtree);
        self
    }

    /// Adds an extension; `der` is its content.
    pub fn extension(mut self, identifier: &[u64], critical: bool, der: &[u8]) -> Self {
        self.extensions.push(extension_of(identifier, critical, der));
        self
    }

    pub(crate) fn key_algorithm(&self) -> KeyAlgorithm {
        self.key
    }

    pub(crate) fn parameters(&self, key: &KeyPair) -> CertificateParams {
        let mut parameters = CertificateParams::default();
        let own_key_identifier = parameters.key_identifier(key);
        let identifier = self.key_identifier.as_ref().unwrap_or(&own_key_identifier);
        parameters.distinguished_name = self.subject.clone().unwrap_or_else(|| {
            let mut subject = DistinguishedName::new();
            let name = self.common_name.clone();
            subject.push(
                DnType::CommonName,
                name.unwrap_or_else(|| own_common_name(&own_key_identifier)),
            );
            subject.push(DnType::OrganizationName, LeafRequest::ORGANIZATION);
            subject
        });
        parameters.is_ca = IsCa::Ca(match self.path_length {
            None => BasicConstraints::Unconstrained,
            Some(length) => BasicConstraints::Constrained(length),
        });
        parameters.key_usages = self.key_usages.clone();
        parameters.key_identifier_method = KeyIdMethod::PreSpecified(identifier.clone());
        parameters.name_constraints = Some(self.name_constraints.clone());
        parameters.custom_extensions = self.extensions.clone();
        parameters
    }
}

impl Default for AuthorityRequest {
    fn default() -> Self {
        Self {
            common_name: None,
            extensions: Vec::new(),
            key: KeyAlgorithm::default(),
            key_identifier: None,
            key_usages: vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            name_constraints: NameConstraints {
                permitted_subtrees: Vec::new(),
                excluded_subtrees: Vec::new(),
            },
            path_length: Some(1),
            subject: None,
            validity: RequestedValidity::new(Lifetime::days(365)),
        }
    }
}

fn own_common_name(key_identifier: &[u8]) -> String {
    let digits = key_identifier.iter().take(4);
    let digits: String = digits.map(|byte| format!("{byte:02x}")).collect();
    format!("mtls-demo authority {digits}")
}
