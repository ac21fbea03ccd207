//! What a live server presents and requests.

use std::{
    fmt::{Display, Formatter, Result},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use authority::Directory;
use mtls::connection::session::Session;
use mtls::credentials::load_identity;
use mtls::event::alert::Alert;
use mtls::event::refusal::{Code, Refusal};
use mtls::pki::certificate::UnreadableCertificate;
use mtls::probe::{CertificateRequest, LIMIT, Probe, ProbeError, Server, ServerReaction, Version};
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    certificate_view::CertificateView,
    sheet::{counted, row},
    trust_view::TrustView,
};
use crate::problems::Problems;

/// A server, as seen in a few handshakes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerView {
    url: String,
    address: SocketAddr,
    versions: Vec<VersionView>,
    client_certificate: RequestView,
    /// Whether the server accepted the presented identity, if one was presented.
    presented: Option<PresentedView>,
    trust: TrustView,
    key_proven: bool,
    certificates: Vec<CertificateView>,
    #[serde(skip)]
    unreadable: Vec<UnreadableCertificate>,
}

/// One version of TLS, and what was negotiated in it or why it was refused.
#[derive(Debug, Serialize)]
struct VersionView {
    version: &'static str,
    tls: Option<Session>,
    refusal: Option<Refusal>,
}

/// What the server requests of its clients.
#[derive(Debug, Serialize)]
struct RequestView {
    request: Request,
    authorities: Vec<String>,
    /// The server's answer to a client without a certificate.
    alert: Option<Alert>,
}

/// Whether a server requires a client certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Request {
    None,
    Optional,
    Required,
}

#[derive(Debug, Serialize)]
struct PresentedView {
    identity: PathBuf,
    subject: String,
    taken: bool,
    /// Why it was refused, or why the result is unknown.
    why: Option<String>,
    alert: Option<Alert>,
}

impl ServerView {
    pub(super) fn look(
        server: &Server,
        identity: Option<&Path>,
        directory: &Directory,
        now: OffsetDateTime,
    ) -> anyhow::Result<Self> {
        let mut looks = Vec::new();
        for version in Version::ALL {
            match Probe::at(server, version, None) {
                Err(ProbeError::NoHandshake(refusal)) => looks.push((version, Err(*refusal))),
                Err(error @ ProbeError::NotConnected { .. }) => {
                    anyhow::bail!("{error}: is the server up, and is it this port?")
                }
                Err(error @ ProbeError::NotFound { .. }) => {
                    anyhow::bail!("{error}: is the name right?")
                }
                Ok(look) => looks.push((version, Ok(look))),
            }
            // Neither depends on the version.
            if let Some((_, Err(Refusal { code: Code::NotTls | Code::HandshakeTimeout, .. }))) =
                looks.last()
            {
                break;
            }
        }
        let newest = looks.iter().find_map(|(version, look)| Some((*version, look.as_ref().ok()?)));
        let Some((version, shown)) = newest else {
            return Err(no_tls(server, &looks));
        };
        let presented = identity.map(|path| PresentedView::try_out(path, server, version));
        let certificates = CertificateView::of_chain(&shown.chain, now);
        let (certificates, unreadable): (Vec<_>, Vec<_>) =
            certificates.into_iter().partition(std::result::Result::is_ok);
        Ok(Self {
            url: server.to_string(),
            address: shown.address,
            client_certificate: RequestView::of(shown.request.as_ref(), shown.ending),
            presented: presented.transpose()?,
            trust: TrustView::of(shown, server, directory, now),
            key_proven: shown.key_proven,
            certificates: certificates.into_iter().flatten().collect(),
            unreadable: unreadable.into_iter().filter_map(std::result::Result::err).collect(),
            versions: looks
                .into_iter()
                .map(|(version, look)| VersionView::of(version, look))
                .collect(),
        })
    }
}

impl VersionView {
    fn of(version: Version, look: std::result::Result<Probe, Refusal>) -> Self {
        let version = version.as_str();
        match look {
            Ok(look) => Self { version, tls: Some(look.session), refusal: None },
            Err(refusal) => Self { version, tls: None, refusal: Some(refusal) },
        }
    }

    fn words(&self) -> String {
        match (&self.tls, &self.refusal) {
            (Some(tls), _) => format!(
                "{}, {}, {}",
                tls.cipher_suite,
                tls.key_exchange,
                tls.alpn.as_ref().map_or("no ALPN".to_owned(), |name| format!("ALPN {name}"))
            ),
            (None, Some(refusal)) => format!("refused: {}", refusal.sentence),
            (None, None) => "refused".to_owned(),
        }
    }
}

impl RequestView {
    fn of(request: Option<&CertificateRequest>, ending: ServerReaction) -> Self {
        let (kind, alert) = match (request, ending) {
            (None, _) => (Request::None, None),
            (Some(_), ServerReaction::Served) => (Request::Optional, None),
            (Some(_), ServerReaction::Cut) => (Request::Required, None),
            (Some(_), ServerReaction::Alert(alert)) => (Request::Required, Some(alert)),
        };
        let authorities = request.map(|request| request.authorities.clone()).unwrap_or_default();
        Self { request: kind, authorities, alert }
    }

    fn words(&self) -> String {
        match (self.request, self.alert) {
            (Request::None, _) => "not requested".to_owned(),
            (Request::Optional, _) => {
                "requested, but not required in TLS (it may still be in HTTP)".to_owned()
            }
            (Request::Required, Some(alert)) => {
                format!("required: without one it sends the alert {alert}")
            }
            (Request::Required, None) => {
                "probably required: without one the server closes the connection without an alert"
                    .to_owned()
            }
        }
    }
}

impl PresentedView {
    fn try_out(path: &Path, server: &Server, version: Version) -> anyhow::Result<Self> {
        let identity = match load_identity(path) {
            Ok(identity) => identity,
            Err(bad) => {
                let mut problems = Problems::default();
                bad.iter().for_each(|bad| problems.add(bad));
                problems.settle()?;
                anyhow::bail!("no identity in {}", path.display());
            }
        };
        let (taken, why, alert) = match Probe::at(server, version, Some(&identity)) {
            Err(error) => (false, Some(error.to_string()), None),
            Ok(look) => match (&look.request, look.ending) {
                (None, _) => (false, Some("it was not requested".to_owned()), None),
                (Some(CertificateRequest { answered: false, .. }), _) => {
                    (false, Some("the server cannot verify a key of its kind".to_owned()), None)
                }
                (Some(_), ServerReaction::Alert(alert)) => {
                    (false, Some(format!("the server sent the alert {alert}")), Some(alert))
                }
                (Some(_), ServerReaction::Cut) => (
                    false,
                    Some("the server closed the connection without an alert".to_owned()),
                    None,
                ),
                (Some(_), ServerReaction::Served) => (true, None, None),
            },
        };
        let subject = identity.certificate().subject.to_string();
        Ok(Self { identity: path.to_owned(), subject, taken, why, alert })
    }

    fn words(&self) -> String {
        let which = format!("{} of {}", self.subject, self.identity.display());
        match &self.why {
            None => format!("{which}: accepted"),
            Some(why) => format!("{which}: refused, {why}"),
        }
    }
}

impl Display for ServerView {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        writeln!(formatter, "{} at {}", self.url, self.address)?;
        for version in &self.versions {
            row(formatter, version.version, version.words())?;
        }
        row(formatter, "client certificate", self.client_certificate.words())?;
        match self.client_certificate.authorities.as_slice() {
            [] if self.client_certificate.request == Request::None => {}
            [] => row(formatter, "  of authorities", "any: it names none")?,
            names => row(formatter, "  of authorities", names.join("\n"))?,
        }
        if let Some(presented) = &self.presented {
            row(formatter, "presented", presented.words())?;
        }
        row(formatter, "chain", self.trust.words())?;
        if !self.key_proven {
            row(formatter, "private key", "NOT PROVEN: the server's signature does not verify")?;
        }
        let count = self.certificates.len() + self.unreadable.len();
        writeln!(formatter, "\n{} shows {}", self.url, counted(count, "certificate"))?;
        let parts: Vec<String> = self.certificates.iter().map(ToString::to_string).collect();
        formatter.write_str(&parts.join("\n"))?;
        self.unreadable.iter().try_for_each(|why| row(formatter, "unreadable", why))
    }
}

/// The message shown in place of a missing value.
fn no_tls(
    server: &Server,
    looks: &[(Version, std::result::Result<Probe, Refusal>)],
) -> anyhow::Error {
    let refusals: Vec<_> = looks
        .iter()
        .filter_map(|(version, look)| Some((version.as_str(), look.as_ref().err()?)))
        .collect();
    if let Some((_, refusal)) = refusals.iter().find(|(_, refusal)| refusal.code == Code::NotTls) {
        let what = refusal.code.sentence();
        return anyhow::anyhow!(
            "{server} does not speak TLS: {what}; is it http://, or another port?"
        );
    }
    if refusals.iter().any(|(_, refusal)| refusal.code == Code::HandshakeTimeout) {
        let seconds = LIMIT.as_secs();
        return anyhow::anyhow!(
            "no TLS handshake with {server} within {seconds} s: does it speak TLS at all?"
        );
    }
    let messages = refusals.iter().map(|(version, refusal)| format!("{version}: {refusal}"));
    anyhow::anyhow!("no TLS handshake with {server}: {}", messages.collect::<Vec<_>>().join("; "))
}
