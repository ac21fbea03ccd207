//! Why a handshake failed, read from rustls' error, the verifier's verdict and the bytes on the
//! wire.

use std::io::{Error, ErrorKind};

use rustls::{InvalidMessage, PeerIncompatible, PeerMisbehaved};

use crate::connection::stream::Wire;
use crate::event::alert::Alert;
use crate::event::refusal::{Code, Reason, Refusal};
use crate::pki::role::Role;
use crate::pki::verifier::Verifier;

/// What is known of a handshake that failed on our end.
pub(crate) struct Failure<'a> {
    pub(crate) error: &'a Error,
    pub(crate) side: Role,
    pub(crate) verifier: Option<&'a Verifier>,
    pub(crate) wire: Option<&'a Wire>,
}

impl Failure<'_> {
    /// The refusal: by us, or by the other end where its alert arrived.
    pub(crate) fn refusal(&self, peer: std::net::SocketAddr) -> Refusal {
        let cause = self.error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(description)) = cause {
            let refusal = refused_by_peer(Alert::from(*description), self.side, peer);
            return match self.verifier.and_then(Verifier::own_key_does_not_fit) {
                Some(why) => {
                    Refusal { sentence: format!("{}, {why}", refusal.sentence), ..refusal }
                }
                None => refusal,
            };
        }
        // Up to the hello all is plain, and the alert is read off the wire; what is encrypted after
        // it follows from the error.
        let plain = self.wire.and_then(Wire::sent_alert);
        let encrypted = cause.filter(|_| self.verifier.is_some()).and_then(Alert::sent_for);
        let sent = plain.or(encrypted);
        Refusal::new(self.reason(cause), self.side, sent, peer)
    }

    fn reason(&self, cause: Option<&rustls::Error>) -> Reason {
        if let Some(reason) = self.verifier.and_then(Verifier::reason) {
            return reason;
        }
        if self.wire.is_some_and(|wire| !wire.began_as_tls()) {
            return Reason::new(Code::NotTls);
        }
        let Some(cause) = cause else {
            return match self.error.kind() {
                ErrorKind::TimedOut => Reason::new(Code::HandshakeTimeout),
                _ => Reason::new(Code::ConnectionLost),
            };
        };
        if self.wire.is_some_and(Wire::hello_is_too_old) {
            return Reason::new(Code::UnsupportedVersion);
        }
        match cause {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                Reason::new(Code::NotTls)
            }
            rustls::Error::NoApplicationProtocol => Reason::new(Code::NoCommonProtocol),
            rustls::Error::NoCertificatesPresented => Reason::new(Code::NoCertificate),
            rustls::Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls13RequiredForQuic,
            ) => Reason::new(Code::UnsupportedVersion),
            rustls::Error::PeerIncompatible(why) => incompatible(why),
            rustls::Error::PeerMisbehaved(why) => misbehaved(why),
            // Nothing else in a handshake is as long as certificates are.
            rustls::Error::InvalidMessage(
                InvalidMessage::CertificatePayloadTooLarge
                | InvalidMessage::HandshakePayloadTooLarge,
            ) if self.verifier.is_some() => {
                let detail = "its certificates have more than 64 KiB";
                Reason::new(Code::ChainTooComplex).with_detail(detail)
            }
            other => Reason::new(Code::ProtocolError).with_detail(other.to_string()),
        }
    }
}

/// Both ends have nothing in common; that concerns the configuration of TLS, never a certificate.
fn incompatible(why: &PeerIncompatible) -> Reason {
    let (lacks, remedy) = match why {
        PeerIncompatible::NoCipherSuitesInCommon => (
            "both sides have no cipher suite in common".to_owned(),
            "have the other side offer a suite of TLS 1.3, or one of TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305",
        ),
        PeerIncompatible::NoKxGroupsInCommon => (
            // rustls says so too of a client whose suites need no group.
            "both sides have no key exchange group and suite for it in common".to_owned(),
            "have the other side offer ECDHE suites, and X25519MLKEM768, X25519, P-256 or P-384",
        ),
        PeerIncompatible::NoSignatureSchemesInCommon => (
            "the client verifies no signature that the key of our certificate can make".to_owned(),
            "have the client accept that kind of signature, or issue our certificate with a key of P-256, which all accept",
        ),
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => (
            "the server verifies no signature that is known here".to_owned(),
            "have the server accept ECDSA, Ed25519 or RSA-PSS signatures of clients",
        ),
        other => (
            format!("it lacks what is required here ({other:?})"),
            "update the TLS library of the other side, or what restricts its configuration",
        ),
    };
    Reason::new(Code::UnsupportedAlgorithm).with_detail(lacks).with_remedy(remedy)
}

/// The other end did what the protocol forbids.
pub(crate) fn misbehaved(why: &PeerMisbehaved) -> Reason {
    Reason::new(Code::ProtocolError).with_detail(match why {
        PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme => {
            "it signed the handshake with an algorithm that it was not offered".to_owned()
        }
        other => format!("{other:?}"),
    })
}

/// The refusal that the other side reported by its alert.
pub(crate) fn refused_by_peer(alert: Alert, side: Role, peer: std::net::SocketAddr) -> Refusal {
    let reason = Reason::new(Code::RefusedByPeer).with_detail(format!("its alert was {alert}"));
    Refusal::new(reason, side.other(), Some(alert), peer)
}
