//! A running API and the clients that it must accept or refuse, with the same reason on both
//! sides.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

use crate::curl::Curl;
use crate::deadline::PATIENCE;
use crate::identity::Identity;
use crate::openssl::Client;
use crate::pki::TestPki;
use crate::service::{Launch, Service};

/// A running API, and the roots that its callers trust.
#[derive(Debug)]
pub struct RunningApi {
    /// The API.
    pub api: Service,
    caller: Identity,
}

/// One stranger, and what must become of it.
#[derive(Debug)]
pub struct Row {
    alert: u8,
    code: &'static str,
    identity: Option<Identity>,
}

impl Row {
    /// One that presents this identity, and is refused with this code and this alert.
    pub fn of(identity: Identity, code: &'static str, alert: u8) -> Self {
        Self { alert, code, identity: Some(identity) }
    }

    /// One that presents no certificate.
    pub fn without_certificate() -> Self {
        Self { alert: 116, code: "no-certificate", identity: None }
    }

    fn name(&self) -> String {
        let directory = self.identity.as_ref().map(|identity| identity.directory().display());
        format!("{} ({})", directory.map_or("nobody".to_owned(), |d| d.to_string()), self.code)
    }
}

impl RunningApi {
    /// Starts an API of the pki.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn open(pki: &TestPki, api: Launch) -> Result<Self> {
        Ok(Self { api: api.start()?, caller: pki.identity("client-service") })
    }

    /// The holder of this identity gets the data, by every way there is, and the API names it.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn accepts(&self, name: &str, identity: &Identity) -> Result<()> {
        for version in VERSIONS {
            let answer = self.curl(version, Some(identity)).run()?;
            ensure!(answer.status == 200, "{name} by curl {version:?}: {answer:?}");
            let data = answer.json()?;
            ensure!(
                data["message"] == MESSAGE && data["clientCert"]["subject"]["CN"] == name,
                "{data}"
            );
        }
        let answer = self.s_client(Some(identity))?.request()?;
        ensure!(answer.stdout.contains(MESSAGE), "{name} by s_client: {answer:?}");
        let line = self.api.logged("a log line of the client", |line| {
            line["message"] == "client authenticated" && line["cn"] == name
        });
        line.map(drop)
    }

    /// The stranger gets nothing, by every way there is; it and the operator get the same reason.
    ///
    /// # Errors
    ///
    /// It is not so.
    pub fn refuses(&self, row: &Row) -> Result<()> {
        let (name, identity) = (row.name(), row.identity.as_ref());
        for version in VERSIONS {
            let answer = self.curl(version, identity).run()?;
            let nothing = answer.status == 0 && answer.body.is_empty() && answer.code != Some(0);
            ensure!(nothing, "{name} by curl {version:?} got {answer:?}");
            // In TLS 1.2 curl takes `certificate_expired` for its own verdict, and hides it.
            let hidden = answer.code == Some(60) && row.alert == 45;
            self.reports(&name, row.code, answer.alert.or(hidden.then_some(row.alert)))?;
            ensure!(hidden || answer.alert == Some(row.alert), "{name} by curl: {answer:?}");
        }
        let answer = self.s_client(identity)?.request()?;
        ensure!(!answer.stdout.contains("HTTP/1.1"), "{name} by s_client got {answer:?}");
        self.reports(&name, row.code, answer.alert)?;
        ensure!(answer.alert == Some(row.alert), "{name} by s_client: {answer:?}");
        Ok(())
    }

    /// `/handshakes` and the log have the same newest refusal, with the alert that arrived.
    ///
    /// # Errors
    ///
    /// They do not.
    pub fn reports(&self, name: &str, code: &str, alert: Option<u8>) -> Result<()> {
        let refusals = self.api.refusals(1)?;
        let refusal = &refusals[0];
        ensure!(refusal["code"] == code && refusal["side"] == "server", "{name}: {refusal}");
        ensure!(refusal["alert"]["number"].as_u64() == alert.map(u64::from), "{name}: {refusal}");
        let line = self.api.logged_refusal(refusal)?;
        let alert = alert.map(|_| {
            let alert = &refusal["alert"];
            format!("{} ({})", alert["name"].as_str().unwrap_or_default(), alert["number"])
        });
        ensure!(line["code"] == code && line["alert"].as_str() == alert.as_deref(), "{line}");
        ensure!(line["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{line}");
        Ok(())
    }

    /// Sends bytes without TLS, and reads the alert that comes back as bare bytes.
    ///
    /// # Errors
    ///
    /// The connection breaks without an end.
    pub fn send(&self, bytes: &[u8]) -> Result<Option<u8>> {
        let mut tcp = TcpStream::connect(self.api.address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.write_all(bytes)?;
        let mut record = [0; 7];
        match tcp.read_exact(&mut record) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            result => {
                result.context("an alert must be read")?;
                // RFC 8446, sections 5.1 and 6: type alert, its version, its length, fatal.
                Ok((record[0] == 21 && record[5] == 2).then_some(record[6]))
            }
        }
    }

    fn curl(&self, version: [&str; 2], identity: Option<&Identity>) -> Curl {
        let curl = Curl::get(&self.api.url("/api/data")).with(&version);
        // The last roots count: a stranger's own would not trust the API.
        match identity {
            None => curl.trusting(&self.caller),
            Some(identity) => curl.presenting(identity).trusting(&self.caller),
        }
    }

    fn s_client(&self, identity: Option<&Identity>) -> Result<Client> {
        let client = Client::to(self.api.address, &self.caller);
        match identity {
            None => Ok(client),
            Some(identity) => client.presenting(identity),
        }
    }
}

const MESSAGE: &str = "This data is secured with mTLS!";
const VERSIONS: [[&str; 2]; 2] = [["--tls-max", "1.3"], ["--tls-max", "1.2"]];
