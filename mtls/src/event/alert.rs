//! TLS alerts (RFC 8446, section 6): what one side sends to the other before it closes.

use std::fmt::{Display, Formatter};

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use serde::Serialize;

/// An alert, by its number and its name in the IANA registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Alert {
    /// The number on the wire.
    pub number: u8,
    /// Its registered name, in lower case with underscores.
    pub name: &'static str,
}

impl Alert {
    /// `internal_error`: what a server that takes no more connections says.
    pub(crate) const INTERNAL_ERROR: u8 = 80;

    /// The alert of that number; an unregistered one is named `unknown`.
    pub fn of(number: u8) -> Self {
        let name = NAMES.iter().find(|(known, _)| *known == number).map_or("unknown", |n| n.1);
        Self { number, name }
    }

    /// The alert that rustls sends for an error of its own, where it sends one.
    pub(crate) fn sent_for(error: &Error) -> Option<Self> {
        let description = match error {
            Error::DecryptError => AlertDescription::BadRecordMac,
            Error::InappropriateHandshakeMessage { .. } | Error::InappropriateMessage { .. } => {
                AlertDescription::UnexpectedMessage
            }
            Error::InvalidCertificate(error) => of_certificate(error),
            Error::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge) => {
                AlertDescription::BadCertificate
            }
            Error::InvalidMessage(_) => AlertDescription::DecodeError,
            Error::NoApplicationProtocol => AlertDescription::NoApplicationProtocol,
            Error::NoCertificatesPresented => AlertDescription::CertificateRequired,
            Error::PeerIncompatible(
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls13RequiredForQuic,
            ) => AlertDescription::ProtocolVersion,
            Error::PeerIncompatible(_) => AlertDescription::HandshakeFailure,
            Error::PeerMisbehaved(_) => AlertDescription::IllegalParameter,
            Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
            _ => return None,
        };
        Some(description.into())
    }
}

fn of_certificate(error: &CertificateError) -> AlertDescription {
    error.clone().into()
}

impl Display for Alert {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.name, self.number)
    }
}

impl From<AlertDescription> for Alert {
    fn from(description: AlertDescription) -> Self {
        Self::of(u8::from(description))
    }
}

/// The registry "TLS Alerts" of IANA.
const NAMES: [(u8, &str); 34] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
];
