//! A refusal, as the dashboard shows it. Text from untrusted peers is escaped and truncated.

use std::net::SocketAddr;

use mtls::event::Event;
use mtls::event::refusal::Code;
use mtls::pki::role::Role;
use serde::Serialize;
use time::OffsetDateTime;

use super::moment::{Moment, span};
use super::shown::shown;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefusalView {
    pub(super) at: Moment,
    /// The time since then, in words.
    #[serde(skip)]
    pub(super) ago: String,
    pub(super) peer: SocketAddr,
    /// The role of the peer: `client` for a caller, `server` for an upstream.
    pub(super) peer_role: Role,
    /// The side that refused.
    pub(super) side: Role,
    pub(super) code: Code,
    pub(super) sentence: String,
    pub(super) remedy: &'static str,
    /// From the refused certificate.
    pub(super) common_name: Option<String>,
    pub(super) spiffe_id: Option<String>,
}

impl RefusalView {
    /// None if the event is not a refusal.
    pub(super) fn of(handshake: &Event, now: OffsetDateTime) -> Option<Self> {
        let refusal = handshake.refusal.as_ref()?;
        let certificate = refusal.certificate.as_ref();
        let common_name = certificate.and_then(|certificate| certificate.subject.common_name());
        let spiffe_id = certificate.and_then(|certificate| certificate.spiffe_id.as_ref());
        Some(Self {
            at: Moment(refusal.at),
            ago: format!("{} ago", span(now - refusal.at)),
            peer: refusal.peer,
            peer_role: handshake.side.other(),
            side: refusal.side,
            code: refusal.code,
            sentence: shown(&refusal.sentence),
            remedy: refusal.remedy,
            common_name: common_name.map(shown),
            spiffe_id: spiffe_id.map(|id| shown(id.as_str())),
        })
    }

    /// Which side refused which.
    pub(super) fn who(&self) -> &'static str {
        match (self.peer_role, self.side) {
            (Role::Client, Role::Client) => "a caller refused us",
            (Role::Client, Role::Server) => "we refused a caller",
            (Role::Server, Role::Client) => "we refused an upstream",
            (Role::Server, Role::Server) => "an upstream refused us",
        }
    }
}
