//! The verifier of a probe: it records the chain and the request, and accepts both.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::CertificateRequest;
use crate::pki::certificate::DistinguishedName;
use crate::pki::identity::Identity;
use crate::protocol::PROVIDER;

/// **Verifies nothing**: every chain is taken, so that it can be looked at, and every signature.
///
/// A connection made with it proves nothing about the other end, and anybody may stand in between.
/// Never use it for a connection that carries data.
#[derive(Debug, Default)]
pub(super) struct RecordingVerifier {
    chain: Mutex<Vec<CertificateDer<'static>>>,
    key_proven: AtomicBool,
}

impl RecordingVerifier {
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the server's signature over the handshake verified with the leaf's key.
    pub(super) fn key_is_proven(&self) -> bool {
        self.key_proven.load(Ordering::Relaxed)
    }

    fn note(&self, result: &Result<HandshakeSignatureValid, Error>) -> HandshakeSignatureValid {
        self.key_proven.store(result.is_ok(), Ordering::Relaxed);
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        Ok(self.note(&verify_tls12_signature(message, certificate, signature, algorithms)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        Ok(self.note(&verify_tls13_signature(message, certificate, signature, algorithms)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// Notes what a server asks for, and answers with an identity if it was given one.
#[derive(Debug)]
pub(super) struct RecordingResolver {
    identity: Option<Arc<CertifiedKey>>,
    noted: Mutex<Option<CertificateRequest>>,
}

impl RecordingResolver {
    pub(super) fn new(identity: Option<&Identity>) -> Self {
        let identity = identity.map(|identity| Arc::clone(identity.certified_key()));
        Self { identity, noted: Mutex::default() }
    }

    pub(super) fn noted(&self) -> Option<CertificateRequest> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesClientCert for RecordingResolver {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let answer = self.identity.clone();
        let answer = answer.filter(|identity| identity.key.choose_scheme(schemes).is_some());
        let name = |der: &&[u8]| {
            let name = DistinguishedName::read(der).map(|name| name.to_string());
            name.unwrap_or_else(|_| "an unreadable name".to_owned())
        };
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(CertificateRequest {
            answered: answer.is_some(),
            authorities: authorities.iter().map(name).collect(),
        });
        answer
    }

    fn has_certs(&self) -> bool {
        true
    }
}
