//! Full mutual handshakes of rustls with itself, in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use crate::cpu::thread_time;
use crate::load::tls::{self, KeyExchange, Protocol};

/// Both sides' configurations.
#[derive(Debug)]
pub struct MemoryHandshake {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

/// How many bytes each side sends in a handshake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flights {
    /// The ClientHello.
    pub hello: usize,
    /// The server's flight.
    pub server: usize,
    /// The client's certificate, its signature and `Finished`.
    pub client: usize,
}

/// One handshake.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// What was sent.
    pub flights: Flights,
    /// The processor time of the server's side.
    pub server: Duration,
}

impl MemoryHandshake {
    /// Configures both sides as the load generator and the servers are: X25519, no resumption.
    ///
    /// # Errors
    ///
    /// An identity cannot be read.
    pub fn new(server: &Path, client: &Path) -> Result<Self> {
        let (chain, key, roots) = tls::read_identity(server)?;
        let provider = tls::provider(KeyExchange::X25519);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()?;
        let mut configuration = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        configuration.send_tls13_tickets = 0;
        configuration.session_storage = Arc::new(NoServerSessionStorage {});
        configuration.alpn_protocols = vec![Protocol::Http1.alpn().as_bytes().to_vec()];
        let client = tls::configuration(client, KeyExchange::X25519, Protocol::Http1)?;
        Ok(Self { client: Arc::new(client), server: Arc::new(configuration) })
    }

    /// Makes one handshake.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn once(&self) -> Result<Outcome> {
        let mut client = ClientConnection::new(Arc::clone(&self.client), tls::server_name()?)?;
        let hello = written(|bytes| client.write_tls(bytes))?;

        let began = thread_time();
        let mut server = ServerConnection::new(Arc::clone(&self.server))?;
        server.read_tls(&mut hello.as_slice())?;
        server.process_new_packets()?;
        let flight = written(|bytes| server.write_tls(bytes))?;
        let first = thread_time() - began;

        client.read_tls(&mut flight.as_slice())?;
        client.process_new_packets()?;
        let answer = written(|bytes| client.write_tls(bytes))?;

        let began = thread_time();
        server.read_tls(&mut answer.as_slice())?;
        server.process_new_packets()?;
        let is_done = !server.is_handshaking();
        drop(server);
        let second = thread_time() - began;
        ensure!(is_done, "the handshake in memory is incomplete");
        let flights = Flights { hello: hello.len(), server: flight.len(), client: answer.len() };
        Ok(Outcome { flights, server: first + second })
    }

    /// The processor time of the server's side, in microseconds for each handshake.
    ///
    /// # Errors
    ///
    /// A handshake fails.
    pub fn server_micros(&self, measured: Duration) -> Result<f64> {
        let (began, mut spent, mut count) = (Instant::now(), Duration::ZERO, 0u32);
        while began.elapsed() < measured {
            spent += self.once()?.server;
            count += 1;
        }
        Ok(spent.as_secs_f64() * 1e6 / f64::from(count))
    }
}

/// All that a side has to send.
fn written(mut write: impl FnMut(&mut Vec<u8>) -> std::io::Result<usize>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while write(&mut bytes)? > 0 {}
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::MemoryHandshake;
    use crate::pki::Pki;

    #[test]
    fn both_sides_finish_and_send_their_certificates() {
        let pki = Pki::generate().unwrap();
        let handshake =
            MemoryHandshake::new(&pki.identity(Pki::API), &pki.identity(Pki::CLIENT)).unwrap();

        let outcome = handshake.once().unwrap();

        assert!(outcome.flights.client > 500, "{outcome:?}");
        assert!(outcome.flights.server > 500, "{outcome:?}");
    }
}
