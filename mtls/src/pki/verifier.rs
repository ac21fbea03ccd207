//! The callbacks of rustls during a handshake, which call the one verification. One verifier serves
//! one handshake and keeps its result, so that the reason reported is the verification's own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use time::OffsetDateTime;
use webpki::EndEntityCert;

use crate::credentials::Credentials;
use crate::event::failure::misbehaved;
use crate::event::refusal::{Code, Reason};
use crate::pki::certificate::Certificate;
use crate::pki::role::Role;
use crate::pki::spiffe::SpiffeId;
use crate::pki::trust::VerifiedChain;
use crate::protocol::PROVIDER;

/// The verifier of one handshake.
#[derive(Debug)]
pub(crate) struct Verifier {
    credentials: Arc<Credentials>,
    /// A client may show no certificate.
    optional: bool,
    /// Asked of a server besides its name.
    spiffe_id: Option<SpiffeId>,
    chain: OnceLock<VerifiedChain>,
    own_key_does_not_fit: AtomicBool,
    reason: Mutex<Option<Reason>>,
}

impl Verifier {
    pub(crate) fn new(credentials: Arc<Credentials>, spiffe_id: Option<SpiffeId>) -> Self {
        Self {
            credentials,
            optional: false,
            spiffe_id,
            chain: OnceLock::new(),
            own_key_does_not_fit: AtomicBool::new(false),
            reason: Mutex::default(),
        }
    }

    /// A verifier that accepts clients without a certificate.
    pub(crate) fn optional(credentials: Arc<Credentials>) -> Self {
        Self { optional: true, ..Self::new(credentials, None) }
    }

    /// The trust that verifies.
    pub(crate) fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// Why the other side was refused, if it was.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The chain that was found good, and whose key was proven.
    pub(crate) fn verified_chain(&self) -> Option<VerifiedChain> {
        if self.reason().is_some() { None } else { self.chain.get().cloned() }
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: Role,
    ) -> Result<&VerifiedChain, Reason> {
        let presented: Vec<CertificateDer<'_>> =
            std::iter::once(end_entity).chain(intermediates).cloned().collect();
        let now = OffsetDateTime::now_utc();
        let chain = self.credentials.trust.verify(&presented, role, now)?;
        Ok(self.chain.get_or_init(|| chain))
    }

    fn refuse(&self, reason: Reason) -> Error {
        let error = Error::InvalidCertificate(reason.code.certificate_error());
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        error
    }

    /// Of what went wrong, only a signature that does not verify disproves that the other side has
    /// the key.
    fn proven(
        &self,
        result: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        result.map_err(|error| {
            let mut reason = match &error {
                Error::InvalidCertificate(CertificateError::BadSignature) => {
                    let detail = "possession of the private key was not proven";
                    Reason::new(Code::BadSignature).with_detail(detail)
                }
                Error::PeerMisbehaved(why) => misbehaved(why),
                Error::InvalidCertificate(
                    CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
                ) => {
                    let detail =
                        "it signed the handshake with an algorithm that does not fit its key";
                    Reason::new(Code::ProtocolError).with_detail(detail)
                }
                other => Reason::new(Code::ProtocolError).with_detail(other.to_string()),
            };
            let certificate = self.chain.get().map(|chain| chain.certificate.clone());
            reason.certificate = certificate.map(Arc::new);
            let code = reason.code;
            let refused = self.refuse(reason);
            // A broken protocol is no fault of the certificate, and has alerts of its own.
            if code == Code::ProtocolError { error } else { refused }
        })
    }

    /// Why the server cannot verify us, if our key can make none of the signatures that it asked
    /// for; rustls then presents no certificate.
    pub(crate) fn own_key_does_not_fit(&self) -> Option<&'static str> {
        let why = "and it accepts no signature that the key of our certificate can make";
        self.own_key_does_not_fit.load(Ordering::Acquire).then_some(why)
    }

    fn algorithms() -> &'static WebPkiSupportedAlgorithms {
        &PROVIDER.signature_verification_algorithms
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        !self.optional
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.credentials.trust.subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, Role::Client)
            .map(|_| ClientCertVerified::assertion())
            .map_err(|reason| self.refuse(reason))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = verify_tls12_signature(message, certificate, signature, Self::algorithms());
        self.proven(result)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = verify_tls13_signature(message, certificate, signature, Self::algorithms());
        self.proven(result)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::algorithms().supported_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, Role::Server)
            .and_then(|chain| {
                chain.fits_name(server_name)?;
                fits_spiffe_id(&chain.certificate, self.spiffe_id.as_ref())
            })
            .map(|()| ServerCertVerified::assertion())
            .map_err(|reason| self.refuse(reason))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ClientCertVerifier::verify_tls12_signature(self, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ClientCertVerifier::verify_tls13_signature(self, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::algorithms().supported_schemes()
    }
}

/// What we present to a server.
impl ResolvesClientCert for Verifier {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let own = self.credentials.identity.certified_key();
        let fits = own.key.choose_scheme(schemes).is_some();
        self.own_key_does_not_fit.store(!fits, Ordering::Release);
        Some(Arc::clone(own))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl VerifiedChain {
    /// The name that was dialled stands among the subject alternative names of the leaf (RFC 9525,
    /// section 6).
    ///
    /// # Errors
    ///
    /// [`Code::WrongName`], with the names that it has.
    pub fn fits_name(&self, name: &ServerName<'_>) -> Result<(), Reason> {
        let fits = EndEntityCert::try_from(&self.presented[0])
            .and_then(|leaf| leaf.verify_is_valid_for_subject_name(name));
        fits.map_err(|_| {
            let names = &self.certificate.subject_alt_names;
            let addresses = names.ip.iter().map(ToString::to_string);
            let has: Vec<String> = names.dns.iter().cloned().chain(addresses).collect();
            let has = if has.is_empty() { "no name".to_owned() } else { has.join(", ") };
            let detail = format!("{} was dialled, and it has {has}", name.to_str());
            let reason = Reason::new(Code::WrongName).with_detail(detail);
            reason.with_certificate(self.certificate.clone())
        })
    }
}

fn fits_spiffe_id(certificate: &Certificate, expected: Option<&SpiffeId>) -> Result<(), Reason> {
    match (expected, &certificate.spiffe_id) {
        (None, _) => Ok(()),
        (Some(expected), Some(has)) if has == expected => Ok(()),
        (Some(expected), has) => {
            let has = has.as_ref().map_or("no SPIFFE ID", SpiffeId::as_str);
            let detail = format!("{expected} was expected, and it has {has}");
            let reason = Reason::new(Code::WrongName).with_detail(detail);
            Err(reason.with_certificate(certificate.clone()))
        }
    }
}
