//! Why a handshake failed, read from rustls' error, the verifier's verdict and the bytes on the
//! wire.

use std::io::{Error, ErrorKind};

use rustls::{InvalidMessage, PeerIncompatible};

use crate::alert::Alert;
use crate::refusal::{Code, Reason, Refusal};
use crate::role::Role;
use crate::stream::Wire;
use crate::verifier::Verifier;

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
            return refused_by_peer(Alert::from(*description), self.side, peer);
        }
        // Up to the hello all is plain, and the wire tells the whole truth; what is encrypted after
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
            rustls::Error::PeerIncompatible(why) => {
                Reason::new(Code::UnsupportedAlgorithm).with_detail(format!("{why:?}"))
            }
            other => Reason::new(Code::ProtocolError).with_detail(other.to_string()),
        }
    }
}

/// The refusal that the other end told us by its alert.
pub(crate) fn refused_by_peer(alert: Alert, side: Role, peer: std::net::SocketAddr) -> Refusal {
    let reason = Reason::new(Code::RefusedByPeer).with_detail(format!("its alert was {alert}"));
    Refusal::new(reason, side.other(), Some(alert), peer)
}
