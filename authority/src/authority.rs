//! An authority in memory: a certificate that may sign, and its key.

use std::fmt;

use rcgen::{Issuer, KeyPair, PublicKeyData, SerialNumber, SubjectPublicKeyInfo};

use crate::leaf::{issuer, sign};
use crate::{
    AuthorityRequest, Certificate, IssueError, Leaf, LeafRequest, RevocationList,
    RevocationListRequest, Serial,
};

/// A root or an intermediate that can issue.
pub struct Authority {
    certificate: Certificate,
    /// The intermediates from this one up to the root; empty for the root itself.
    intermediates: Vec<Certificate>,
    key: KeyPair,
    root: Certificate,
}

impl Authority {
    /// Generates a root.
    pub fn generate(request: &AuthorityRequest) -> Result<Self, IssueError> {
        let key = request.key_algorithm().generate()?;
        let mut parameters = request.parameters(&key);
        parameters.serial_number = Some(SerialNumber::from_slice(Serial::random()?.as_bytes()));
        let validity = request.validity.resolve(None)?;
        let certificate = {
            let issuer = Issuer::from_params(&parameters, &key);
            sign("root", parameters.clone(), validity, &key, &issuer)?
        };
        Ok(Self { root: certificate.clone(), certificate, intermediates: Vec::new(), key })
    }

    /// Reads a root and its key from PEM.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, IssueError> {
        let mut certificates = Certificate::read_all(certificate)?;
        let certificate = certificates.swap_remove(0);
        let key = KeyPair::from_pem(key)
            .map_err(|source| IssueError::Authority { what: "key", source })?;
        if key.subject_public_key_info() != certificate.public_key() {
            return Err(IssueError::AuthorityKey);
        }
        Ok(Self { root: certificate.clone(), certificate, intermediates: Vec::new(), key })
    }

    /// Generates an authority below this one; its leaves come with the chain up to the root.
    pub fn issue_intermediate(&self, request: &AuthorityRequest) -> Result<Self, IssueError> {
        let key = request.key_algorithm().generate()?;
        let mut parameters = request.parameters(&key);
        parameters.serial_number = Some(SerialNumber::from_slice(Serial::random()?.as_bytes()));
        parameters.use_authority_key_identifier_extension = true;
        let ends = self.certificate.not_after();
        let validity = request.validity.resolve(Some(ends))?;
        let issuer = issuer(&self.certificate, &self.key)?;
        let certificate = sign("intermediate", parameters, validity, &key, &issuer)?;
        let mut intermediates = vec![certificate.clone()];
        intermediates.extend_from_slice(&self.intermediates);
        Ok(Self { certificate, intermediates, key, root: self.root.clone() })
    }

    /// Issues a leaf with a new key; it expires no later than this authority unless requested.
    pub fn issue(&self, request: &LeafRequest) -> Result<Leaf, IssueError> {
        Leaf::issue(request, &self.certificate, &self.key, &self.intermediates)
    }

    /// Issues a certificate for an external key, given as the PEM block
    /// `PUBLIC KEY`; the algorithm in the request is ignored.
    pub fn issue_for(
        &self,
        public_key: &str,
        request: &LeafRequest,
    ) -> Result<Certificate, IssueError> {
        let public_key = SubjectPublicKeyInfo::from_pem(public_key).map_err(|source| {
            IssueError::Sign { what: "certificate for the given public key".to_owned(), source }
        })?;
        let parameters = request.parameters(&Serial::random()?)?;
        let ends = self.certificate.not_after();
        let validity = request.validity.resolve(Some(ends))?;
        let issuer = issuer(&self.certificate, &self.key)?;
        sign("leaf", parameters, validity, &public_key, &issuer)
    }

    /// Signs a revocation list.
    pub fn revocation_list(
        &self,
        request: &RevocationListRequest,
    ) -> Result<RevocationList, IssueError> {
        request.sign(self.certificate.key_identifier(), &issuer(&self.certificate, &self.key)?)
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The root above it, or itself.
    pub fn root(&self) -> &Certificate {
        &self.root
    }

    /// The certificates between the root and its leaves as PEM blocks, its own first; empty for a
    /// root.
    pub fn intermediates_pem(&self) -> String {
        self.intermediates.iter().map(Certificate::pem).collect()
    }

    /// Its private key as a PKCS #8 PEM block.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

impl fmt::Debug for Authority {
    /// Omits the private key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("common_name", &self.certificate.common_name())
            .finish_non_exhaustive()
    }
}
