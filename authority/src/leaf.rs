//! An issued leaf, with its chain and its key.

use std::fmt;

use rcgen::{CertificateParams, Issuer, KeyIdMethod, KeyPair, PublicKeyData, SigningKey};
use time::OffsetDateTime;

use crate::validity::Validity;
use crate::{Certificate, IssueError, LeafRequest, Serial};

/// A leaf, the intermediates above it, and its private key.
pub struct Leaf {
    capped: bool,
    certificate: Certificate,
    intermediates: Vec<Certificate>,
    key: KeyPair,
}

impl Leaf {
    /// Creates a self-signed leaf.
    pub fn self_signed(request: &LeafRequest) -> Result<Self, IssueError> {
        let key = request.key_algorithm().generate()?;
        let mut parameters = request.parameters(&Serial::random()?)?;
        let identifier = parameters.key_identifier(&key);
        parameters.key_identifier_method = KeyIdMethod::PreSpecified(identifier);
        let validity = request.validity.resolve(None)?;
        let certificate = {
            let issuer = Issuer::from_params(&parameters, &key);
            sign("leaf", parameters.clone(), validity, &key, &issuer)?
        };
        Ok(Self { capped: false, certificate, intermediates: Vec::new(), key })
    }

    pub(crate) fn issue(
        request: &LeafRequest,
        authority: &Certificate,
        authority_key: &KeyPair,
        intermediates: &[Certificate],
    ) -> Result<Self, IssueError> {
        let parameters = request.parameters(&Serial::random()?)?;
        let validity = request.validity.resolve(Some(authority.not_after()))?;
        let key = request.key_algorithm().generate()?;
        let issuer = issuer(authority, authority_key)?;
        Ok(Self {
            capped: validity.capped,
            certificate: sign("leaf", parameters, validity, &key, &issuer)?,
            intermediates: intermediates.to_vec(),
            key,
        })
    }

    /// The leaf itself.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The leaf and the intermediates above it as PEM blocks, leaf first, without the root: the
    /// content of `tls.crt`.
    pub fn chain_pem(&self) -> String {
        let intermediates = self.intermediates.iter().map(Certificate::pem);
        std::iter::once(self.certificate.pem()).chain(intermediates).collect()
    }

    /// The same chain as DER, leaf first.
    pub fn chain_der(&self) -> Vec<Vec<u8>> {
        let intermediates = self.intermediates.iter();
        std::iter::once(&self.certificate)
            .chain(intermediates)
            .map(|certificate| certificate.der().to_vec())
            .collect()
    }

    /// The private key as a PKCS #8 PEM block: the content of `tls.key`.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The private key as PKCS #8 DER.
    pub fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// Its serial number.
    pub fn serial(&self) -> &Serial {
        self.certificate.serial()
    }

    /// When it starts.
    pub fn not_before(&self) -> OffsetDateTime {
        self.certificate.not_before()
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> OffsetDateTime {
        self.certificate.not_after()
    }

    /// Whether it expires sooner than requested, because its issuer does.
    pub fn is_capped(&self) -> bool {
        self.capped
    }
}

impl fmt::Debug for Leaf {
    /// Omits the private key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Leaf")
            .field("common_name", &self.certificate.common_name())
            .field("serial", &self.serial().to_string())
            .finish_non_exhaustive()
    }
}

pub(crate) fn issuer<'key>(
    certificate: &Certificate,
    key: &'key KeyPair,
) -> Result<Issuer<'static, &'key KeyPair>, IssueError> {
    Issuer::from_ca_cert_der(&certificate.der().into(), key)
        .map_err(|source| IssueError::Authority { what: "certificate", source })
}

pub(crate) fn sign(
    what: &str,
    mut parameters: CertificateParams,
    validity: Validity,
    public_key: &impl PublicKeyData,
    issuer: &Issuer<'_, impl SigningKey>,
) -> Result<Certificate, IssueError> {
    parameters.not_before = validity.not_before;
    parameters.not_after = validity.not_after;
    let signed = parameters
        .signed_by(public_key, issuer)
        .map_err(|source| IssueError::Sign { what: what.to_owned(), source })?;
    Ok(Certificate::new(signed.der().to_vec(), signed.pem())?)
}
