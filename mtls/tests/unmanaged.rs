//! Configurations for a TLS stack of one's own verify as the acceptor and the client do.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::io::Result;
use std::sync::Arc;

use authority::Leaf;
use mtls::{Mtls, SpiffeId};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use self::support::{ID, IdentityDirectory, TestPki, empty_list, files};

#[tokio::test]
async fn both_ends_accept_each_other_and_refuse_whom_the_managed_ones_refuse() {
    let pki = TestPki::new();
    let foreign = TestPki::new();
    let server = mtls(&pki, &pki.server());
    let client = mtls(&pki, &pki.client());
    // It trusts our root too, and has a certificate of another authority.
    let mut own = files(&foreign, &foreign.client(), &empty_list(&foreign, 1));
    let (_, roots) = own.iter_mut().find(|(name, _)| *name == "ca.crt").unwrap();
    roots.extend(pki.roots().bytes());
    let foreign_client = Mtls::from_directory(IdentityDirectory::with(&own).path()).unwrap();

    let good = exchange(&server, &client, Some(ID)).await;
    let (by_server, _) = exchange(&server, &foreign_client, None).await;
    let other = "spiffe://mtls-demo.local/ns/default/sa/other";
    let (_, by_client) = exchange(&server, &client, Some(other)).await;

    assert_eq!((good.0.unwrap(), good.1.unwrap()), (*b"ping", *b"pong"));
    let error = by_server.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
    let error = by_client.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

/// What the server read of the client's ping, and the client of the server's pong.
async fn exchange(
    server: &Mtls,
    client: &Mtls,
    expected: Option<&str>,
) -> (Result<[u8; 4]>, Result<[u8; 4]>) {
    let acceptor = TlsAcceptor::from(Arc::new(server.unmanaged_server_config().unwrap()));
    let expected = expected.map(|id| id.parse::<SpiffeId>().unwrap());
    let connector = TlsConnector::from(Arc::new(client.unmanaged_client_config(expected).unwrap()));
    let (near, far) = duplex(64 * 1024);
    let serve = async {
        let mut tls = acceptor.accept(near).await?;
        let mut ping = [0; 4];
        tls.read_exact(&mut ping).await?;
        tls.write_all(b"pong").await?;
        tls.flush().await?;
        Ok(ping)
    };
    let call = async {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = connector.connect(name, far).await?;
        tls.write_all(b"ping").await?;
        tls.flush().await?;
        let mut pong = [0; 4];
        tls.read_exact(&mut pong).await?;
        Ok(pong)
    };
    tokio::join!(serve, call)
}

fn mtls(pki: &TestPki, leaf: &Leaf) -> Mtls {
    let directory = IdentityDirectory::with(&files(pki, leaf, &empty_list(pki, 1)));
    Mtls::from_directory(directory.path()).unwrap()
}
